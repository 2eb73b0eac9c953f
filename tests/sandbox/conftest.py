"""A real sandbox for every module: where nsjail is missing, these tests fail.

One sandbox of each backend serves all tests of a module, so each hostile program is also
followed by the next one, which must run well, and both backends must say the same.
"""

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from votebox.sandbox import Sandbox


@pytest_asyncio.fixture(scope="module", loop_scope="module", params=["fork", "once"])
async def box(request: pytest.FixtureRequest) -> AsyncIterator[Sandbox]:
    async with Sandbox(workers=2, backend=request.param) as sandbox:
        yield sandbox
