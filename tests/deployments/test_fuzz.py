"""What schemathesis finds wrong between the OpenAPI document and the server: nothing."""

import re

from schema_fuzz import fuzz
from serving import open_door

from votebox.deployments.openapi_operations import OPERATIONS


def test_no_request_of_schemathesis_gets_what_the_document_does_not_say():
    with open_door(pause_s=0.001) as door:
        status, report = fuzz(door, seconds=20, examples=4, seed=1, phases="fuzzing")
    assert status == 0, report[-6000:]
    tested = re.search(r"Tested: (\d+)", report)
    cases = re.search(r"(\d+) generated", report)
    assert tested, report
    assert int(tested[1]) == len(OPERATIONS)
    assert cases, report
    assert int(cases[1]) > 60
