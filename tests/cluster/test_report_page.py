"""Load the report in a real browser: sort, search, unfold, copy, save; phone, paper, no script."""

import csv
import io
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from browser import BROWSER, DRIVER, MISSING, Browser, browser
from reported import hostile, run
from shown import CAUGHT, colours, faint, until

from votebox.cluster.report import report_page
from votebox.cluster.report_data import Texts
from votebox.cluster.report_facts import families
from votebox.cluster.runs import Run

pytestmark = pytest.mark.skipif(BROWSER is None or DRIVER is None, reason=MISSING)

LIGHT, DARK = "rgb(253, 253, 251)", "rgb(22, 24, 26)"
Open = Callable[..., Browser]


@pytest.fixture(scope="module")
def shown() -> Iterator[Browser]:
    with browser() as window:
        yield window


@pytest.fixture(scope="module")
def attacker(tmp_path_factory: pytest.TempPathFactory) -> Run:
    return hostile(tmp_path_factory.mktemp("hostile"))


@pytest.fixture
def opened(shown: Browser, tmp_path: Path) -> Iterator[Open]:
    """Return a function that shows the page of runs anew in a light window of a desktop."""

    def open_(*runs: Run, script: bool = True, change: Any = str) -> Browser:
        found = families(runs)
        texts = Texts([entry for family in found for entry in family.entries])
        path = tmp_path / "report.html"
        path.write_text(change(report_page(found, texts)), "utf-8")
        shown.size(1280, 900)
        shown.colours("light")
        shown.devtools("Emulation.setScriptExecutionDisabled", value=not script)
        shown.errors(), shown.requests()
        shown.open(path.as_uri())
        return shown

    yield open_
    shown.devtools("Emulation.setScriptExecutionDisabled", value=False)


def unfold(page: Browser, row: int = 0) -> None:
    """Open a problem and all that folds within it, until nothing more is built."""
    page.run("document.querySelectorAll('.problems tbody th button')[arguments[0]].click()", row)
    until(page, "return document.querySelectorAll('tr.open .attempt').length")
    page.run("document.querySelectorAll('details').forEach(d => d.open = true)")
    until(page, "return [...document.querySelectorAll('.inside')].every(e => e.firstChild)")
    page.run("document.querySelectorAll('details').forEach(d => d.open = true)")


def column(page: Browser, number: int) -> list[str]:
    return page.run(
        "return [...document.querySelector('.problems').tBodies[0].rows].filter(r => !r.hidden)"
        ".map(r => r.cells[arguments[0]].innerText)",
        number,
    )


def test_the_page_asks_for_nothing_and_the_console_is_silent(opened: Open) -> None:
    page = opened(run("a", 30), run("b", 30, seed=1))
    unfold(page)
    assert [url.rpartition("/")[2] for url in page.requests()] == ["report.html"]
    assert page.errors() == []


def test_hostile_text_is_text_also_where_it_is_unfolded(opened: Open, attacker: Run) -> None:
    page = opened(attacker)
    unfold(page)
    assert page.run("return document.querySelectorAll('.open .chain').length") == 40
    kinds = "script:not(#data),img,iframe,[onload],[onerror]"
    assert page.run(f"return document.querySelectorAll({json.dumps(kinds)}).length") == 1
    assert page.run("return document.querySelectorAll('style').length") == 1
    assert not page.run("return document.title").startswith("owned")
    text = page.run("return document.body.innerText")
    assert "<script>document.title='owned'</script><img src=http://evil.test/x" in text
    assert "\x1b" not in text
    assert "\u202e" not in text
    assert len(page.requests()) == 1
    assert page.errors() == []


def test_the_policy_stops_what_escaping_would_miss(opened: Open) -> None:
    """Put real markup into the page: no script, style or picture of it may work."""
    attack = (
        "<script>document.title='owned'</script><style>main{display:none}</style>"
        "<img src='http://127.0.0.1:9/x' onerror=\"document.title='owned'\"></main>"
    )
    page = opened(run(count=3), change=lambda text: text.replace("</main>", attack))
    assert page.run("return document.title") != "owned"
    assert page.run("return getComputedStyle(document.querySelector('main')).display") == "block"
    assert len([e for e in page.errors() if "Content Security Policy" in e]) >= 3


def test_the_keyboard_sorts_by_value_and_says_so(opened: Open) -> None:
    page = opened(run(count=30))
    heads = "[...document.querySelectorAll('.problems thead th')]"
    page.run(f"{heads}[4].querySelector('button').focus()")
    page.press("Enter")
    tokens = [int(text.replace(",", "")) for text in column(page, 4)]
    assert tokens == sorted(tokens)
    assert len(set(map(len, column(page, 4)))) > 1  # else sorting as text would do, too
    assert page.run(f"return {heads}.map(h => h.getAttribute('aria-sort'))")[3:] == [
        None,
        "ascending",
        None,
    ]
    page.press("Space")
    tokens = [int(text.replace(",", "")) for text in column(page, 4)]
    assert tokens == sorted(tokens, reverse=True)
    page.run(f"{heads}[0].querySelector('button').click()")
    names = [text.split("\n")[0] for text in column(page, 0)]
    assert names == [f"p{n}" for n in range(30)]
    assert page.run(f"return {heads}.filter(h => h.hasAttribute('aria-sort')).length") == 1


def test_an_open_problem_stays_with_its_row_when_the_table_is_sorted(opened: Open) -> None:
    page = opened(run(count=12))
    unfold(page, 3)
    page.run("document.querySelectorAll('.problems thead button')[5].click()")
    above = page.run("return document.querySelector('tr.open').previousElementSibling.dataset.n")
    assert above == "4"


def test_search_and_filter_find_problems_and_count_them(opened: Open) -> None:
    made = run(count=60)
    page = opened(made)
    page.run("document.querySelector('.tools input').focus()")
    page.press(*"past p17")
    assert [text.split("\n")[0] for text in column(page, 0)] == ["p17"]
    status = "return document.querySelector('.tools [role=status]').textContent"
    assert page.run(status) == "1 of 60 problems"
    page.run(
        "const [i, s] = document.querySelectorAll('.tools input, .tools select'); i.value = '';"
        "s.value = 'wrong'; s.dispatchEvent(new Event('change'))"
    )
    wrong = sum(row.correct is False for row in made.rows)
    assert 0 < wrong < 60
    assert page.run(status) == f"{wrong} of 60 problems"
    assert len(column(page, 0)) == wrong


def test_many_problems_are_shown_when_they_are_asked_for_and_all_are_searched(opened: Open) -> None:
    page = opened(run(count=450, chains=2))
    assert len(column(page, 0)) == 200
    page.run(
        "const i = document.querySelector('.tools input'); i.value = 'p449';"
        "i.dispatchEvent(new Event('input'))"
    )
    assert [text.split("\n")[0] for text in column(page, 0)] == ["p449"]
    page.run(
        "const i = document.querySelector('.tools input'); i.value = '';"
        "i.dispatchEvent(new Event('input'));"
        "[...document.querySelectorAll('button')].find(b => b.innerText == 'Show all 450').click()"
    )
    assert len(column(page, 0)) == 450


def test_a_problem_unfolds_to_votes_chains_and_programs(opened: Open, attacker: Run) -> None:
    page = opened(attacker)
    page.run("document.querySelectorAll('.problems tbody th button')[0].focus()")
    page.press("Enter")
    until(page, "return document.querySelectorAll('tr.open .chain').length")
    assert page.run("return document.querySelectorAll('.chain .inside *').length") == 0
    page.run("document.querySelector('.chain summary').focus()")
    page.press("Enter")
    told = until(page, "return document.querySelector('.chain .inside').innerText")
    assert "if (n * n + 1) % 5 == 0" in told
    assert page.run("return document.querySelector('.inside samp').innerText") == "400"
    votes = page.run("return document.querySelector('.attempt table').innerText")
    assert "\u2713 right" in votes
    assert "\u2717 wrong" in votes
    page.run("document.querySelectorAll('.problems tbody th button')[0].click()")
    assert page.run("return document.querySelector('tr.open').hidden") is True


def test_a_link_leads_to_an_open_problem(opened: Open) -> None:
    page = opened(run(count=250, chains=2))
    page.run("location.hash = '#problem-240'; location.reload()")
    until(page, "return document.querySelectorAll('tr.open .attempt').length")
    assert (
        page.run("return document.querySelector('tr.open').previousElementSibling.hidden") is False
    )
    assert "p239" in page.run(
        "return document.querySelector('tr.open').previousElementSibling.innerText"
    )


def test_the_command_is_copied(opened: Open) -> None:
    page = opened(run(count=2))
    page.devtools(
        "Browser.grantPermissions", permissions=["clipboardReadWrite", "clipboardSanitizedWrite"]
    )
    page.click(".command button")
    until(page, "return document.querySelector('.command [role=status]').textContent === 'Copied'")
    page.run("navigator.clipboard.readText().then(t => window.copied = t)")
    copied = until(page, "return window.copied")
    assert copied == "votebox eval example:arithmetic --recipe vote --out 'runs/my run'"


def test_answers_are_saved_as_csv_that_no_spreadsheet_runs(opened: Open, attacker: Run) -> None:
    page = opened(attacker)
    page.run(CAUGHT + "document.querySelectorAll('.save button')[0].click()")
    rows = list(csv.DictReader(io.StringIO(until(page, "return window.saved"))))
    assert page.run("return window.named") == "report.csv"
    assert len(rows) == 3
    sums = next(row for row in rows if row["problem"].endswith("=1+1"))
    assert (sums["problem"], sums["question"]) == ("'=1+1", "'@SUM(A1)")
    assert (sums["reference"], sums["answer"], sums["confidence"]) == ("'-2", "'+3", "0.5")
    assert not [
        v for row in rows for v in row.values() if v[:1] in {"=", "+", "-", "@", "\t", "\r"}
    ]
    assert any(row["question"].endswith("<svg onload=alert(2)>ltr") for row in rows)


def test_everything_is_saved_as_json(opened: Open) -> None:
    made = run(count=5)
    page = opened(made)
    page.run(CAUGHT + "document.querySelectorAll('.save button')[1].click()")
    saved = json.loads(until(page, "return window.saved"))
    assert [problem["id"] for problem in saved["problems"]] == [f"p{n}" for n in range(5)]
    assert saved["runs"][0]["summary"]["rows"] == 5
    assert saved["problems"][0]["rows"][0]["votes"][0]["answer"] == made.rows[0].votes[0].answer


def test_without_a_script_all_numbers_pictures_and_tables_are_there(opened: Open) -> None:
    page = opened(run("a", 220, chains=2), run("b", 220, seed=1, chains=2), script=False)
    page.devtools("Emulation.setScriptExecutionDisabled", value=False)  # to look, not to run it
    assert page.run("return document.querySelectorAll('button,input').length") == 0
    assert page.run("return document.querySelectorAll('.problems tbody tr').length") == 220
    assert page.run("return document.querySelectorAll('.chart .measure').length") == 2
    assert page.run("return document.querySelectorAll('figure svg').length") == 3
    assert page.run("return document.querySelectorAll('.card').length") == 2
    assert page.run("return document.querySelector('noscript').children.length") == 1


def test_bars_and_whiskers_are_as_long_as_their_numbers(opened: Open) -> None:
    made = run(count=100)
    right = sum(row.correct is True for row in made.rows) / 100
    page = opened(made)
    wide = page.run("return document.querySelector('.measure').getBoundingClientRect().width")
    bar = page.run("return document.querySelector('.measure rect').getBoundingClientRect().width")
    assert bar / wide == pytest.approx(right, abs=0.01)
    line = "document.querySelector('.measure .whisker')"
    x = page.run(
        f"return [{line}.x1.baseVal.valueInSpecifiedUnits, {line}.x2.baseVal.valueInSpecifiedUnits]"
    )
    assert x[0] < 100 * right < x[1]


@pytest.mark.parametrize(("scheme", "paper"), [("light", LIGHT), ("dark", DARK)])
def test_colours_follow_the_reader_and_can_be_read(
    opened: Open, attacker: Run, scheme: str, paper: str
) -> None:
    """All text has the contrast of 4.5 to 1 that WCAG 2.2 asks for (1.4.3)."""
    page = opened(attacker, run("other", 20))
    page.colours(scheme)
    unfold(page)
    ground = "return getComputedStyle(document.documentElement).backgroundColor"
    assert page.run(ground) == paper
    card = page.run("return getComputedStyle(document.querySelector('.card')).backgroundColor")
    assert len(colours(page)) > 5
    assert faint(page, (paper, card)) == []


def test_a_phone_shows_the_page_without_scrolling_sideways(opened: Open, attacker: Run) -> None:
    page = opened(attacker, *(run(f"run-{n}-{'x' * 60}", 20, seed=n) for n in range(7)))
    page.size(360, 780, phone=True)
    unfold(page)
    assert page.run("return document.documentElement.scrollWidth") == 360
    wide = (
        "return [...document.querySelectorAll('tr.open .full, tr.open .attempt, tr.open .inside, tr.open table')]"
        ".filter(e => e.getBoundingClientRect().right > 360).length"
    )
    assert page.run(wide) == 0  # what unfolds is read without moving the table under it
    small = page.run(
        "return [...document.querySelectorAll('summary,button,input,select')]"
        ".filter(e => !e.hidden && e.offsetHeight < 24).map(e => e.outerHTML.slice(0, 200))"
    )
    assert small == []  # WCAG 2.2, 2.5.8: what is touched is at least 24 pixels high


def test_the_printed_page_fits_a_few_sheets(opened: Open) -> None:
    pdf = opened(run("a", 20), run("b", 20, seed=1)).printed()
    assert pdf.startswith(b"%PDF-")
    assert 1 <= pdf.count(b"/Type /Page\n") <= 8


def test_the_page_is_outlined_for_those_who_hear_it(opened: Open) -> None:
    page = opened(*(run(f"{n}", 12, seed=n, dataset=f"d{n % 2}") for n in range(4)))
    levels = page.run("return [...document.querySelectorAll('h1,h2,h3')].map(e => e.tagName)")
    assert levels[0] == "H1"
    assert levels.count("H1") == 1
    named = "[aria-labelledby]"
    assert page.run(
        f"return [...document.querySelectorAll('{named}')].every(e =>"
        " document.getElementById(e.getAttribute('aria-labelledby')))"
    )
    unnamed = "[...document.querySelectorAll('svg,[role=region]')].filter(e => !e.getAttribute('aria-label'))"
    assert page.run(f"return {unnamed}.length") == 0
    assert page.run("return document.querySelectorAll('th:not([scope])').length") == 0
    ids = "[...document.querySelectorAll('[id]')].map(e => e.id)"
    assert page.run(f"const ids = {ids}; return ids.length - new Set(ids).size") == 0


def test_two_thousand_problems_stay_light(opened: Open) -> None:
    """Sixteen chains each: five megabytes at most, and the page answers within seconds."""
    sizes: list[int] = []

    def measured(text: str) -> str:
        sizes.append(len(text.encode()))
        return text

    page = opened(run(count=2000, chains=16), change=measured)
    assert sizes[0] < 5_000_000
    nodes = page.run("return document.querySelectorAll('*').length")
    assert nodes < 60_000
    took = page.run(
        "const [n] = performance.getEntriesByType('navigation'); return n.domComplete - n.responseEnd"
    )
    assert took < 20_000  # about one second on a machine that does nothing else
