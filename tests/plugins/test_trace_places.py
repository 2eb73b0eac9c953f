"""Keep traces in all kinds of places: URIs, many writers at once, broken and full ones."""

import asyncio
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from contract import registry, toml

from votebox.plugins import Problem, Solver, TraceError, TraceStore, Verdict, load_recipe
from votebox.plugins.replay import ReplayEngine

PROBLEM = Problem("6 * 7?")
REGISTRY = registry()
RECIPE = load_recipe(toml(), REGISTRY)
IDS = [f"20260314-150926-{n:03d}-0123456789" for n in range(40)]


async def solved(store: TraceStore | None = None) -> Verdict:
    solver = Solver(ReplayEngine(lambda prompt: "it is 42"), None, REGISTRY, store)
    return await solver.solve(PROBLEM, RECIPE)


@pytest.fixture
def verdict() -> Verdict:
    return asyncio.run(solved())


def places(tmp_path: Path) -> dict[str, str]:
    """Return one address per way to a file system."""
    return {
        "folder": str(tmp_path / "a b" / "traces"),
        "arrow": (tmp_path / "traces").as_uri(),
        "memory": f"memory://{tmp_path.name}/traces",
        "fsspec": f"local://{tmp_path}/traces",
    }


@pytest.mark.parametrize("kind", ["folder", "arrow", "memory", "fsspec"])
def test_a_trace_comes_back_from_every_kind_of_place(
    kind: str, tmp_path: Path, verdict: Verdict
) -> None:
    store = TraceStore(places(tmp_path)[kind])
    assert store.listing().ids == ()
    for solve in IDS[:3]:
        assert store.append(replace(verdict, id=solve), PROBLEM, RECIPE)
    again = TraceStore(places(tmp_path)[kind])
    assert again.listing().ids == (IDS[2], IDS[1], IDS[0])
    assert again.find("latest").verdict == replace(verdict, id=IDS[2], traced=True)
    assert again.find(IDS[1]).verdict.id == IDS[1]
    assert again.summary(IDS[0])["verdict"] == "42"


@pytest.mark.parametrize("url", ["", "nowhere://x/y", "s3://"])
def test_a_place_that_is_none_is_refused_with_the_fix(url: str) -> None:
    with pytest.raises(TraceError, match="give a folder"):
        TraceStore(url)


def test_writers_at_once_keep_every_trace(tmp_path: Path, verdict: Verdict) -> None:
    stores = [TraceStore(str(tmp_path / "traces")) for _ in range(4)]

    def write(number: int) -> bool:
        made = replace(verdict, id=IDS[number], seed=number)
        return stores[number % 4].append(made, PROBLEM, RECIPE)

    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(write, range(40)))
    assert sorted(stores[0].listing().ids) == IDS
    assert [stores[0].read(solve).verdict.seed for solve in IDS] == list(range(40))
    assert len(list((tmp_path / "traces").iterdir())) == 40


def test_a_reader_never_sees_half_a_trace(tmp_path: Path, verdict: Verdict) -> None:
    """Write one id again and again while another thread lists and reads it."""
    store = TraceStore(str(tmp_path))
    made = replace(verdict, id=IDS[0])
    assert store.append(made, PROBLEM, RECIPE)
    with ThreadPoolExecutor(1) as pool:
        writing = pool.submit(lambda: [store.append(made, PROBLEM, RECIPE) for _ in range(30)])
        while not writing.done():
            assert store.listing().ids == (IDS[0],)
            assert store.read(IDS[0]).verdict.answer == "42"
    assert all(writing.result())


@pytest.mark.parametrize("share", [0.0, 0.5, 0.999])
def test_a_file_cut_short_is_named_and_hides_no_other(
    tmp_path: Path, verdict: Verdict, share: float
) -> None:
    store = TraceStore(str(tmp_path))
    for solve in IDS[:2]:
        store.append(replace(verdict, id=solve), PROBLEM, RECIPE)
    path = tmp_path / f"{IDS[1]}.parquet"
    path.write_bytes(path.read_bytes()[: int(path.stat().st_size * share)])
    for read in (store.find, store.read, store.summary):
        with pytest.raises(TraceError, match=f"{IDS[1]}.parquet cannot be read"):
            read(IDS[1])
    assert store.find(IDS[0]).verdict.answer == "42"


@pytest.mark.parametrize("url", ["/proc/votebox", "local:///proc/votebox"])
async def test_a_solve_answers_where_nothing_can_be_written(
    url: str, caplog: pytest.LogCaptureFixture
) -> None:
    store = TraceStore(url)
    for _ in range(2):
        verdict = await solved(store)
        assert (verdict.answer, verdict.traced) == ("42", False)
    (told,) = [r.getMessage() for r in caplog.records if "traces are not kept" in r.message]
    assert url in told
    assert "check the address and your rights there" in told


async def test_find_of_a_whole_id_lists_nothing(tmp_path: Path) -> None:
    """Listing an object store of thousands is slow; a whole id needs none of it."""

    class Counted(TraceStore):
        lists = 0

        def listing(self) -> Any:
            self.lists += 1
            return super().listing()

    store = Counted(str(tmp_path))
    verdict = await solved(store)
    assert store.find(verdict.id).verdict == verdict
    assert store.lists == 0
    assert store.find(verdict.id[:-1]).verdict == verdict
    assert store.lists == 1
