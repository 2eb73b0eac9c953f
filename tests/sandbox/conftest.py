"""A real sandbox for every module: where nsjail is missing, these tests fail.

One sandbox serves all tests of a module, so each hostile program is also followed by the
next one, which must run well.
"""

from collections.abc import AsyncIterator

import pytest_asyncio

from votebox.sandbox import Sandbox


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def box() -> AsyncIterator[Sandbox]:
    async with Sandbox(workers=2) as sandbox:
        yield sandbox
