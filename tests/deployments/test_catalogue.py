"""What the API offers, asked of a backend that is a plain function."""

import asyncio

import pytest

from votebox.deployments.catalogue import Catalogue
from votebox.deployments.openai_errors import ApiError, overloaded, rate_limited

INFO = {"default": "vote", "recipes": {"vote": {"description": "d", "hash": "h"}}, "models": ["m"]}


class Backend:
    def __init__(self, *, starts: bool = True) -> None:
        self.asked, self.starts = 0, starts
        self.refusal = None

    async def info(self):
        self.asked += 1
        if self.refusal is not None:
            raise self.refusal
        if not self.starts:
            await asyncio.Event().wait()
        return INFO


async def test_recipes_and_raw_models_are_told_apart_and_unknown_ones_refused():
    catalogue = Catalogue(Backend())
    assert [await catalogue.is_raw(m) for m in ("votebox/vote", "m")] == [False, True]
    for unknown in ("vote", "votebox/", "votebox/m", ""):
        with pytest.raises(ApiError, match="votebox/vote, m") as caught:
            await catalogue.is_raw(unknown)
        assert (caught.value.status, caught.value.code) == (404, "model_not_found")


async def test_many_wrong_names_ask_the_solvers_now_and_then_only():
    now = [0.0]
    backend = Backend()
    catalogue = Catalogue(backend, clock=lambda: now[0])
    await catalogue.info()
    for second in range(60):
        now[0] = float(second)
        with pytest.raises(ApiError):
            await catalogue.is_raw("nobody")
    assert 2 <= backend.asked <= 13


async def test_solvers_that_never_start_are_told_as_such_and_not_waited_for():
    catalogue = Catalogue(Backend(starts=False), patience_s=0.05)
    waiting = [asyncio.create_task(catalogue.info()) for _ in range(3)]
    done = await asyncio.gather(*waiting, return_exceptions=True)
    assert {(error.status, error.code) for error in done} == {(503, "overloaded")}


async def test_solvers_that_were_there_and_are_gone_make_the_app_not_ready_until_they_are_back():
    now = [0.0]
    backend = Backend()
    catalogue = Catalogue(backend, clock=lambda: now[0])
    backend.refusal = overloaded("they start")
    assert await catalogue.state() == "starting"
    backend.refusal = None
    assert await catalogue.state() == "ready"
    for refusal, state in [
        (overloaded("a replica died"), "lost"),
        (OSError("the network is down"), "lost"),
        (rate_limited("the queue is full", 5), "ready"),
        (None, "ready"),
    ]:
        now[0] += 60
        backend.refusal = refusal
        assert await catalogue.state() == state
        assert await catalogue.default() == "vote"  # what was told stays known


async def test_a_probe_that_waits_for_lost_solvers_holds_nobody_up():
    now = [0.0]
    backend = Backend()
    catalogue = Catalogue(backend, clock=lambda: now[0], patience_s=60)
    await catalogue.info()
    now[0], backend.starts = 60.0, False
    probe = asyncio.create_task(catalogue.state())
    await asyncio.sleep(0)
    async with asyncio.timeout(5):
        assert await catalogue.default() == "vote"
    probe.cancel()
