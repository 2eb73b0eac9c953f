"""Keep a solve and read it back: every field, any text, and files that are none."""

import stat
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from contract import FakeBox, plugin, registry, toml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from votebox.plugins import (
    Confidence,
    Problem,
    Reading,
    Recorded,
    ReplayEngine,
    SolveOptions,
    Solver,
    TraceError,
    TraceStore,
    load_recipe,
    recount,
)
from votebox.plugins.tracerow import trace_schema

REGISTRY = registry()
QUESTION = Problem("6 * 7?", "p1", {"a.py": "x"}, "42", {"source": ["mine"]})
CODE = '[nodes.code]\nuse = "code:tagged"\nafter = ["think"]\n[nodes.run]\nuse = "sandbox:python"\nafter = ["code"]'
RECIPE = load_recipe(
    toml(
        tail=CODE,
        read='[nodes.read]\nuse = "extract:last-word"\nafter = ["think", "run"]',
    ),
    REGISTRY,
)


async def solved(store: Any, *texts: str, recipe: Any = RECIPE, **options: Any) -> Any:
    turn = iter(texts * 99)
    engine = ReplayEngine(lambda prompt: Recorded(next(turn), reasoning="hm", prompt_tokens=3))
    solver = Solver(engine, FakeBox(lambda code: "42"), REGISTRY, store)
    return await solver.solve(QUESTION, recipe, SolveOptions(seed=1, **options))


async def test_a_trace_gives_back_every_field(tmp_path: Path) -> None:
    store = TraceStore(str(tmp_path / "traces"))
    verdict = await solved(store, "<py>print(42)</py>", "it is 41")
    assert verdict.traced
    sure = Confidence(5, 1.0, 2.0, 0.5, 0.6, -0.1, 0.2)
    first = verdict.chains[0]
    told = replace(first, candidates=(replace(first.candidates[0], confidence=sure),))
    verdict = replace(verdict, chains=(told, *verdict.chains[1:]))
    assert store.append(verdict, QUESTION, RECIPE)
    trace = store.find(verdict.id[:25])
    assert trace.verdict == verdict
    assert trace.problem == QUESTION
    assert trace.recipe_toml == RECIPE.source
    assert first.calls[0].prompt.sampling is not None
    assert [c.place for c in verdict.chains] != [None] * 4
    (found,) = (tmp_path / "traces").iterdir()
    assert stat.S_IMODE(found.stat().st_mode) == 0o600


async def test_a_chain_row_is_a_vote(tmp_path: Path) -> None:
    import pyarrow.parquet as pq

    await solved(TraceStore(str(tmp_path)), "it is 42", "it is 41")
    columns = ["kind", "model", "problem_id", "chain", "answer", "tokens", "reference"]
    rows = pq.read_table(tmp_path, columns=columns).to_pylist()
    voted = [(r["chain"], r["answer"], r["reference"]) for r in rows if r["kind"] == "chain"]
    assert voted == [(0, "42", "42"), (1, "41", "42"), (2, "42", "42"), (3, "41", "42")]


@given(text=st.text(st.characters()))
@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
async def test_any_text_comes_back(tmp_path: Path, text: str) -> None:
    store = TraceStore(str(tmp_path))
    verdict = await solved(store, text, chains=1)
    assert verdict.traced
    said = store.read(verdict.id).verdict.chains[0].completions[0].text
    assert said == "".join("\ufffd" if 0xD800 <= ord(c) <= 0xDFFF else c for c in text)


async def test_a_lone_surrogate_is_replaced_one_for_one(tmp_path: Path) -> None:
    store = TraceStore(str(tmp_path))
    verdict = await solved(store, "a\ud800b 42", chains=1)
    assert store.read(verdict.id).verdict.chains[0].completions[0].text == "a\ufffdb 42"


async def test_a_store_that_cannot_be_written_warns_once_and_fails_no_solve(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "file").write_text("")
    store = TraceStore(str(tmp_path / "file" / "below"))
    verdicts = [await solved(store, "it is 42") for _ in range(2)]
    assert [(v.answer, v.traced) for v in verdicts] == [("42", False)] * 2
    assert len([r for r in caplog.records if "traces are not kept" in r.message]) == 1


async def test_a_solve_may_keep_no_trace(tmp_path: Path) -> None:
    store = TraceStore(str(tmp_path))
    assert not (await solved(store, "it is 42", trace=False)).traced
    assert store.listing().ids == ()


async def test_broken_foreign_and_ambiguous_names_are_told(tmp_path: Path) -> None:
    store = TraceStore(str(tmp_path))
    (tmp_path / "19990101-broken.parquet").write_bytes(b"PAR1 no")
    (tmp_path / "Other.txt").write_text("")
    assert store.listing().foreign == ("Other.txt",)
    with pytest.raises(TraceError, match="19990101-broken.parquet cannot be read"):
        store.find("1999")
    for name, words in (("../x", "no id"), ("2", "no trace starts"), ("A", "no id")):
        with pytest.raises(TraceError, match=words):
            store.find(name)
    for _ in range(2):
        await solved(store, "it is 42")
    with pytest.raises(TraceError, match="2 traces start with '2'"):
        store.find("2")
    assert store.find("latest").verdict.id == store.listing().ids[0]


async def test_a_vote_taken_again_stands_with_and_without_running(tmp_path: Path) -> None:
    store = TraceStore(str(tmp_path))
    await solved(store, "<py>print(42)</py>", "it is 41", "it is 42")
    trace = store.find("latest")
    for box in (None, FakeBox(lambda code: "42")):
        found = await recount(trace, REGISTRY, box)
        assert (found.stands, found.same_votes, found.changes) == (True, True, ())


async def test_a_program_that_prints_something_else_is_named(tmp_path: Path) -> None:
    store = TraceStore(str(tmp_path))
    await solved(store, "<py>print(42)</py>")
    found = await recount(store.find("latest"), REGISTRY, FakeBox(lambda code: "43"))
    assert (found.stands, found.answer) == (False, "43")
    assert "a program now prints something else" in found.changes[0].lines


async def test_an_extractor_that_changed_overturns_the_verdict(tmp_path: Path) -> None:
    store = TraceStore(str(tmp_path))
    await solved(store, "it is 42")
    trace = store.find("latest")
    other = plugin(
        register_extractors=lambda register: register(
            "extract:other", lambda text, reason, options: [Reading("7")]
        )
    )
    changed = replace(
        trace, recipe_toml=trace.recipe_toml.replace("extract:last-word", "extract:other")
    )
    found = await recount(changed, registry(other), None)
    assert (found.stands, found.answer, found.recipe_changed) == (False, "7", True)


async def test_a_trace_from_before_turns_and_options_is_read_without_them(tmp_path: Path) -> None:
    store = TraceStore(str(tmp_path))
    verdict = await solved(store, "it is 42", client_request="mine", min_confidence=0.1)
    path = next(tmp_path.glob("*.parquet"))
    new = ["turns", "system", "client_request", "overrides"]
    pq.write_table(pq.read_table(path).drop_columns(new), path)
    before = replace(verdict, client_request="", overrides={})
    assert store.find(verdict.id).verdict == before
    assert store.find(verdict.id).problem == QUESTION
    assert store.summary(verdict.id)["verdict"] == "42"


def test_the_document_names_every_column_and_field() -> None:
    text = (Path(__file__).parents[2] / "docs/traces.md").read_text()

    def named(path: str, kind: Any) -> list[str]:
        inner = getattr(kind, "value_type", kind) if str(kind).startswith("list") else kind
        if not str(inner).startswith("struct"):
            return [path]
        return [path] + [name for f in inner for name in named(f"{path}.{f.name}", f.type)]

    columns = [name for field in trace_schema() for name in named(field.name, field.type)]
    leaves = [n for n in columns if not any(o.startswith(f"{n}.") for o in columns) or "." not in n]
    assert [name for name in leaves if f"| `{name}` |" not in text] == []
