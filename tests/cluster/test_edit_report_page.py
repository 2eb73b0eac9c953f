"""Load the page of editing rows in a real browser: search, sort, unfold, save; phone, no script."""

import csv
import io
import json
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from browser import BROWSER, DRIVER, MISSING, Browser, browser
from edited import case, folder, hostile_row
from shown import CAUGHT, colours, faint, until

from votebox.cluster.edit_report import edit_report_page
from votebox.cluster.edit_report_facts import Source, board
from votebox.cluster.edit_report_sources import read_sources
from votebox.cluster.edit_rows import EditRow, read_rows

pytestmark = pytest.mark.skipif(BROWSER is None or DRIVER is None, reason=MISSING)

QWQ = Path("example:qwq")
OURS = EditRow(model="mini", pass_rate_2=12.0, test_cases=3, total_tests=3, kind="solo", blind=8.0)
Open = Callable[..., Browser]


@pytest.fixture(scope="module")
def shown() -> Iterator[Browser]:
    with browser() as window:
        yield window


@pytest.fixture(scope="module")
def ours(tmp_path_factory: pytest.TempPathFactory) -> Path:
    cases = [case("easy", [True]), case("hard", [False]), case("odd", [True], [False], voted=1)]
    return folder(tmp_path_factory.mktemp("runs") / "ours", OURS, cases)


@pytest.fixture
def opened(shown: Browser, tmp_path: Path) -> Iterator[Open]:
    """Return a function that shows a page anew in a light window of a desktop."""

    def open_(named: Sequence[Path], *more: EditRow, script: bool = True) -> Browser:
        sources, references = read_sources(named)
        held = (*sources, Source("more", more)) if more else sources
        path = tmp_path / "edits.html"
        path.write_text(edit_report_page(board(held, references)), "utf-8")
        shown.size(1280, 900)
        shown.colours("light")
        shown.devtools("Emulation.setScriptExecutionDisabled", value=not script)
        shown.errors(), shown.requests()
        shown.open(path.as_uri())
        return shown

    yield open_
    shown.devtools("Emulation.setScriptExecutionDisabled", value=False)


def models(page: Browser) -> list[str]:
    """Return the models of the rows that are shown, in order."""
    return page.run(
        "return [...document.querySelector('.scores').tBodies[0].rows].filter(r => !r.hidden &&"
        " !r.classList.contains('open')).map(r => r.querySelector('.id').innerText)"
    )


def bars(page: Browser) -> list[str]:
    """Return the first line beside each bar of a row that is shown."""
    return page.run(
        "return [...document.querySelectorAll('.chart .row[data-n]')].filter(r => r.offsetHeight)"
        ".map(r => r.querySelector('.name').firstChild.textContent)"
    )


def search(page: Browser, words: str) -> None:
    page.run(
        "const i = document.querySelector('.tools input'); i.value = arguments[0];"
        "i.dispatchEvent(new Event('input'))",
        words,
    )


def test_a_search_holds_for_table_and_chart_and_all_words_must_match(opened: Open) -> None:
    page = opened([QWQ])
    assert len(models(page)) == len(bars(page)) == 7
    search(page, "QWQ editor-whole")
    wanted = ["QwQ + Qwen2.5 Coder 32B-I", "QwQ + Haiku", "QwQ + DeepSeek V2.5"]
    assert models(page) == bars(page) == wanted
    search(page, "claude qwq")
    assert models(page) == bars(page) == ["QwQ + Haiku"]
    assert page.run("return document.querySelector('[role=status]').innerText") == "1 of 7 rows"
    assert page.run("return document.querySelectorAll('.reference').length") == 2
    search(page, "nobody")
    assert models(page) == bars(page) == []
    assert page.errors() == []
    assert [url.rpartition("/")[2] for url in page.requests()] == ["edits.html"]


def test_columns_sort_by_value_and_what_is_missing_comes_last(opened: Open) -> None:
    page = opened([QWQ], EditRow(model="free", pass_rate_2=1.0))
    heads = page.run(
        "return [...document.querySelectorAll('.scores th[scope=col]')].map(h => h.innerText)"
    )
    cost = next(place for place, head in enumerate(heads) if head.startswith("cost"))
    button = f"document.querySelectorAll('.scores thead button')[{cost}]"
    page.run(f"{button}.focus()")
    page.press("Enter")
    assert models(page)[-2:] == ["o1-preview", "free"]
    page.press("Enter")
    assert (models(page)[0], models(page)[-1]) == ("o1-preview", "free")


def test_a_row_unfolds_to_all_its_fields_and_a_link_leads_there(opened: Open) -> None:
    page = opened([QWQ])
    assert page.run("return document.querySelector('.fields').offsetHeight") == 0
    page.run("document.querySelectorAll('.scores tbody th button')[1].focus()")
    page.press("Enter")
    told = until(page, "return document.querySelector('tr.open')?.innerText")
    for said in ("openrouter/qwen/qwen-2.5-coder-32b-instruct", "user_asks", "186", "Not measured"):
        assert said in told
    page.run("location.hash = '#row-7'; location.reload()")
    until(page, "return document.querySelector('tr.open')")
    above = "return document.querySelector('tr.open').previousElementSibling.dataset.n"
    assert page.run(above) == "7"


def test_hostile_rows_are_text(opened: Open) -> None:
    page = opened([QWQ], hostile_row())
    page.run("document.querySelectorAll('.scores tbody th button')[6].click()")
    told = until(page, "return document.querySelector('tr.open')?.innerText")
    assert "<script>document.title='owned'</script>" in told
    kinds = "script:not(#data),img,iframe,[onload],[onerror]"
    assert page.run(f"return document.querySelectorAll({json.dumps(kinds)}).length") == 1
    assert not page.run("return document.title").startswith("owned")
    assert len(page.requests()) == 1
    assert page.errors() == []


def test_rows_are_saved_as_csv_json_and_yaml(opened: Open, tmp_path: Path) -> None:
    page = opened([QWQ], hostile_row())
    saved = []
    for place in range(3):
        page.run(
            CAUGHT
            + f"window.saved = ''; document.querySelectorAll('.save button')[{place}].click()"
        )
        saved.append((until(page, "return window.saved"), page.run("return window.named")))
    assert [name for _, name in saved] == ["rows.csv", "rows.json", "rows.yml"]
    table = list(csv.DictReader(io.StringIO(saved[0][0])))
    assert [row["pass_rate_2"] for row in table][:2] == ["79.7", "73.6"]
    bad = next(row for row in table if row["source"] == "more")
    assert (bad["editor_model"], bad["provider"]) == ("'=1+1", "'@SUM(A1)")
    assert not [v for row in table for v in row.values() if v[:1] in {"=", "+", "@", "\t"}]
    assert json.loads(saved[1][0])["rows"][0]["total_cost"] == 63.919
    (tmp_path / "rows.yml").write_text(saved[2][0], "utf-8")
    (source,), _ = read_sources([QWQ])
    again = read_rows(tmp_path / "rows.yml")
    assert [row for row in again if row.provider is None] == list(source.rows)


def test_cases_are_searched_by_what_became_of_them(opened: Open, ours: Path) -> None:
    page = opened([QWQ, ours])
    page.run(
        "const s = document.querySelector('select'); s.value = 'voted-away';"
        "s.dispatchEvent(new Event('change'))"
    )
    rows = page.run(
        "return [...document.querySelector('.cases').tBodies[0].rows].filter(r => !r.hidden)"
        ".map(r => r.innerText)"
    )
    assert len(rows) == 1
    assert "odd" in rows[0]
    assert "voted wrong" in rows[0]


def test_without_a_script_everything_is_there_to_read(opened: Open, ours: Path) -> None:
    page = opened([QWQ, ours], script=False)
    page.devtools("Emulation.setScriptExecutionDisabled", value=False)  # to look, not to run it
    assert page.run("return document.querySelectorAll('button,input').length") == 0
    assert len(models(page)) == len(bars(page)) == 8
    assert page.run("return document.querySelectorAll('.cases tbody tr').length") == 3
    page.run("document.querySelectorAll('.fields details')[6].open = true")
    assert "exhausted_context_windows" in page.run(
        "return document.querySelector('.fields').innerText"
    )
    assert page.run("return document.querySelectorAll('#data').length") == 1


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_colours_can_be_read_and_tell_the_kinds_apart(
    opened: Open, ours: Path, scheme: str
) -> None:
    page = opened([QWQ, ours])
    page.colours(scheme)
    page.run("document.querySelectorAll('.scores tbody th button')[1].click()")
    until(page, "return document.querySelector('tr.open .facts')")
    ground = page.run("return getComputedStyle(document.documentElement).backgroundColor")
    assert len(colours(page)) > 4
    assert faint(page, [ground]) == []
    fills = page.run(
        "return [...document.querySelectorAll('.chart .fill')].map(e => getComputedStyle(e).fill)"
    )
    assert fills[0] == fills[3] != fills[1] == fills[2]


def test_a_phone_and_paper_hold_the_page(opened: Open, ours: Path) -> None:
    page = opened([QWQ, ours], hostile_row())
    page.size(360, 780, phone=True)
    page.run("document.querySelectorAll('.scores tbody th button')[1].click()")
    until(page, "return document.querySelector('tr.open .facts')")
    assert page.run("return document.documentElement.scrollWidth") == 360
    small = page.run(
        "return [...document.querySelectorAll('summary,button,input,select')].filter(e =>"
        " e.offsetHeight && e.offsetHeight < 24).map(e => e.outerHTML.slice(0, 200))"
    )
    assert small == []
    assert 1 <= page.printed().count(b"/Type /Page\n") <= 8


def test_reference_lines_stand_at_their_percent_in_every_bar(opened: Open) -> None:
    page = opened([QWQ])
    places = page.run(
        "return [...document.querySelectorAll('.chart .measure')].map(m => { const w ="
        " m.getBoundingClientRect(); return [...m.querySelectorAll('.even')].map(l =>"
        " Math.round(1000 * (l.getBoundingClientRect().x - w.x) / w.width) / 10) })"
    )
    assert len(places) == 9
    near: Any = [pytest.approx([84, 85], abs=0.2)] * 7
    assert places[:7] == near
    assert places[7:] == [pytest.approx([84], abs=0.2), pytest.approx([85], abs=0.2)]
