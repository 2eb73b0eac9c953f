"""Hold the files of the live page to what ships, what they may do, and how they are written."""

import re
import tomllib
from pathlib import Path

from votebox.deployments.page_files import SECURITY, page_files

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "deployments/page"


def test_every_file_of_the_page_is_served_and_ships() -> None:
    names = {path.name for path in FOLDER.iterdir()} - {"index.html"}
    assert set(page_files()) == {"/", *(f"/page/{name}" for name in names)}
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    assert "page/*" in project["tool"]["setuptools"]["package-data"]["votebox.deployments"]
    assert page_files()["/"].content == (FOLDER / "index.html").read_bytes()


def test_each_file_has_its_type_and_the_whole_policy() -> None:
    types = {path: file.headers["content-type"] for path, file in page_files().items()}
    assert types["/"] == "text/html; charset=utf-8"
    assert types["/page/app.js"] == "text/javascript; charset=utf-8"
    assert types["/page/style.css"] == "text/css; charset=utf-8"
    for file in page_files().values():
        assert {**file.headers, **SECURITY} == file.headers
        assert file.headers["x-content-type-options"] == "nosniff"
    policy = SECURITY["content-security-policy"]
    assert policy.startswith("default-src 'none'; script-src 'self'; ")
    assert "unsafe" not in policy


def test_an_etag_names_the_content() -> None:
    files = page_files()
    tags = {file.etag for file in files.values()}
    assert len(tags) == len(files)
    page = files["/"]
    assert page.unchanged(page.etag)
    assert page.unchanged(f'"other", W/{page.etag}')
    assert page.unchanged("*")
    assert not page.unchanged('"other"')
    assert not page.unchanged(None)


def test_no_module_parses_markup_or_runs_text() -> None:
    """Nothing a model writes can become an element, because no code makes one of text."""
    banned = re.compile(
        r"innerHTML|outerHTML|insertAdjacent|document\.write|eval\(|new Function|srcdoc|import\("
    )
    found = [(p.name, banned.findall(p.read_text())) for p in FOLDER.glob("*.js")]
    assert [hit for hit in found if hit[1]] == []
    page = (FOLDER / "index.html").read_text()
    assert re.findall(r"<script[^>]*>", page) == ['<script type="module" src="page/app.js">']
    assert "style=" not in page


def test_every_module_is_imported_by_a_relative_name_that_exists() -> None:
    for path in FOLDER.glob("*.js"):
        for name in re.findall(r'from "([^"]*)"', path.read_text()):
            assert name.startswith("./")
            assert (FOLDER / name).is_file()
    sources = "".join(path.read_text() for path in FOLDER.iterdir())
    linked = set(re.findall(r"https?://[^\s\"'`)]*", sources))
    assert linked == {"http://www.w3.org/2000/svg", "http://ADDRESS/v1/solves"}


def test_the_colours_are_those_of_the_certificate() -> None:
    def colours(path: Path) -> list[str]:
        return re.findall(
            r"--(?:paper|card|ink|quiet|rule|bad|c\d): #[0-9a-f]{6}", path.read_text()
        )

    assert colours(FOLDER / "style.css") == colours(ROOT / "cluster/certificate.css")
