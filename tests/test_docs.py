"""Hold the documents to the code: every block does what it says, every link leads somewhere."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from command_lines import check_script
from docs_app import running
from pages import App, Block, Page, blocks_of

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[App]:
    state = tmp_path_factory.mktemp("state")
    with pytest.MonkeyPatch.context() as patch, running(state, patch) as found:
        yield found


@pytest.mark.parametrize("path", PAGES, ids=[p.name for p in PAGES])
def test_the_blocks_of_a_page_do_what_they_say(path: Path, tmp_path: Path, app: App) -> None:
    page = Page(path.stem, tmp_path, app)
    for block in blocks_of(path):
        try:
            page.do(block)
        except Exception as e:
            e.add_note(f"in the block at {block}")
            raise


@pytest.mark.parametrize("path", PAGES, ids=[p.name for p in PAGES])
def test_a_block_that_is_not_run_says_why(path: Path) -> None:
    assert not [str(b) for b in blocks_of(path) if b.mark == "parsed" and len(b.value) < 10]


@pytest.mark.parametrize("path", PAGES, ids=[p.name for p in PAGES])
def test_a_comment_that_speaks_of_a_block_stands_above_one(path: Path) -> None:
    said = re.findall(r"^<!-- (?:parsed|file|output|exit)\b", path.read_text(), re.MULTILINE)
    assert len(said) == sum(bool(block.mark) for block in blocks_of(path))


@pytest.mark.parametrize("path", PAGES, ids=[p.name for p in PAGES])
def test_links_between_documents_lead_somewhere(path: Path) -> None:
    targets = re.findall(r"\]\((?!https?:|#)([^)#]+)", path.read_text())
    assert not [t for t in targets if not (path.parent / t).exists()]


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("votebox solve x --no-such-option", "No such option"),
        ("uv run votebox solve x --chains seven", "valid integer"),
        ("votebox solv x", "no command 'solv'"),
        ("FOO=1 votebox solve", "question is missing"),
        ("votebox solve a \\\n  b", "what is"),
        ("true && votebox keys | cat", "names no command"),
        ("votebox solve x --recipe mine.toml", "an app reads no recipe's file"),
    ],
)
def test_a_wrong_command_line_is_noticed(line: str, said: str) -> None:
    with pytest.raises(AssertionError, match=said):
        check_script(line)


@pytest.mark.parametrize(
    ("language", "text", "mark", "value"),
    [
        ("python", "1 / 0", "", ""),
        ("python", "from votebox.plugins import Nothing", "parsed", "needs a GPU here"),
        ("python", "print('x'", "parsed", "needs a GPU here"),
        ("sh", "false", "", ""),
        ("sh", "true", "exit", "3"),
        ("text", "not printed\n", "output", ""),
        ("toml", "name = ", "", ""),
        ("toml", 'name = "x"\n[nodes.a]\nuse = "vote:no-such"', "", ""),
        ("json", "{", "", ""),
        ("ruby", "puts 1", "", ""),
    ],
)
def test_a_wrong_block_is_noticed(
    language: str, text: str, mark: str, value: str, tmp_path: Path
) -> None:
    page = Page("wrong", tmp_path)
    with pytest.raises(Exception):  # noqa: B017, PT011 - of whatever kind the block's fault is
        page.do(Block("wrong.md", 1, language, text, mark, value))


def test_a_page_is_one_program(tmp_path: Path) -> None:
    page = Page("small", tmp_path)
    page.do(Block("small.md", 1, "text", "42\n", "file", "answer.txt"))
    page.do(Block("small.md", 4, "python", "x = open('answer.txt').read()"))
    page.do(Block("small.md", 7, "python", "print(x, end='')"))
    page.do(Block("small.md", 9, "text", "42\n", "output"))
    page.do(Block("small.md", 12, "sh", "grep 42 answer.txt"))
    page.do(Block("small.md", 15, "text", "42\n", "output"))


def test_a_file_that_a_page_writes_is_used_by_a_later_block() -> None:
    for path in PAGES:
        blocks = blocks_of(path)
        for at, block in enumerate(blocks):
            if block.mark == "file" and block.value != "pyproject.toml":
                stem = block.value.removesuffix(".py")
                assert any(stem in later.text for later in blocks[at + 1 :]), str(block)


def test_the_cookbook_solves_each_of_its_recipes() -> None:
    text = (ROOT / "docs/cookbook.md").read_text()
    recipes = re.findall(r"^<!-- file: (\S+\.toml) -->", text, re.MULTILINE)
    assert len(recipes) >= 10
    assert not [name for name in recipes if f'solve("{name}"' not in text]
