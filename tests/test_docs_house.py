"""Hold the drawn house of docs/architecture.md to the rooms and to who imports whom."""

from pathlib import Path
from xml.dom import minidom

import house
import pytest

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "docs/architecture.md").read_text()
ROOMS = ("sandbox", "plugins", "deployments", "cluster")


def test_the_house_has_the_rooms_in_the_order_of_the_imports() -> None:
    assert tuple(reversed(ROOMS)) == house.ROOMS
    assert "sandbox <- plugins <- deployments <- cluster" in PAGE
    assert all(house.ROOMS.index(a) < house.ROOMS.index(b) for a, b in house.edges())


@pytest.mark.parametrize("name", house.pictures())
def test_a_picture_is_what_the_source_says(name: str) -> None:
    text = (ROOT / "docs/pictures" / name).read_text()
    assert text == house.pictures()[name], "run python docs/tools/house.py"
    assert f"](pictures/{name})" in PAGE
    assert minidom.parseString(text).documentElement.tagName == "svg"  # noqa: S318 - our own


def test_an_arrow_is_drawn_for_each_import() -> None:
    assert house.house().count("marker-end") == len(house.edges()) >= 3


def test_only_the_upper_rooms_know_ray() -> None:
    know = [room for room in house.ROOMS if "ray" in house.libraries(room)]
    assert know == ["cluster", "deployments"]
    assert [r for r in house.ROOMS if "vllm" in house.libraries(r)] == ["deployments"]


def test_the_table_of_rooms_names_each() -> None:
    assert [room for room in ROOMS if f"| `{room}` |" not in PAGE] == []
