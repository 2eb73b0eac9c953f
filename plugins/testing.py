"""Test plugins as votebox tests its own: no GPU, no Ray, no vLLM, and no pytest needed.

    assert check_plugin("my-plugin") == []

`check_plugin` calls what a plugin registers with awkward texts and votes, in processes
that can be ended, and returns each broken rule with the input that broke it and the fix.
For pytest there are fixtures as well (testing_pytest.py), loaded wherever votebox is
installed.
"""

from votebox.plugins.testing_corpus import AWKWARD_TEXTS
from votebox.plugins.testing_finding import Finding
from votebox.plugins.testing_recipe import check_recipe
from votebox.plugins.testing_run import check_plugin

__all__ = ["AWKWARD_TEXTS", "Finding", "check_plugin", "check_recipe"]
