"""Read, convert, compare and elect quantities."""

from fractions import Fraction

import pytest

from votebox.plugins import Candidate, RecipeError, load_recipe
from votebox_units.closeness import CloseOptions, Figures, FiguresOptions, close
from votebox_units.reader import QuantityOptions, quantity


@pytest.mark.parametrize(
    ("said", "unit", "read"),
    [
        ("ANSWER: 3.2 km", "m", "3200"),
        ("ANSWER: 1 in", "cm", "127/50"),
        ("ANSWER: 72 km/h", "m/s", "20"),
        ("ANSWER: 2.5e3 cm³", "L", "5/2"),
        ("ANSWER: 2.5 \\times 10^{-3} m^3", "L", "5/2"),
        ("ANSWER: 1 m\nno, ANSWER: 2 m.", "m", "2"),
        ("ANSWER: 3 s", "m", None),
        ("ANSWER: 3", "m", None),
        ("3 m", "m", None),
        ("ANSWER: 3 parsecs", "m", None),
    ],
)
def test_a_quantity_is_read_in_the_unit_asked_for(said, unit, read) -> None:
    found = quantity(said, "stop", QuantityOptions(unit=unit))
    assert [reading.value for reading in found] == ([] if read is None else [read])


def test_a_cut_off_unit_is_incomplete() -> None:
    assert not quantity("ANSWER: 3 m", "length", QuantityOptions())[0].complete


@pytest.mark.parametrize(
    ("value", "figures", "rounded"),
    [("1234", 3, "1230"), ("0.0012349", 3, "0.00123"), ("-999.9", 3, "-1000"), ("0", 2, "0")],
)
def test_values_are_rounded_to_significant_figures(value, figures, rounded) -> None:
    policy = Figures(FiguresOptions(figures=figures))
    assert policy.admit(Fraction(value)) == Fraction(rounded)


def elect(answers: list[str], tolerance: float) -> list[tuple[str, tuple[int, ...]]]:
    candidates = [Candidate(answer, "read", chain) for chain, answer in enumerate(answers)]
    tally = close(candidates, Figures(FiguresOptions()), CloseOptions(tolerance=tolerance))
    return [(found.answer, found.chains) for found in tally.classes]


def test_close_values_vote_as_one_and_the_middle_is_elected() -> None:
    assert elect(["100", "101", "200", "100.5", "words"], 0.01) == [
        ("100", (0, 1, 3)),
        ("200", (2,)),
    ]


def test_without_tolerance_only_equal_values_agree() -> None:
    assert elect(["100", "101", "100"], 0.0) == [("100", (0, 2)), ("101", (1,))]


def test_an_unknown_unit_is_an_error_of_the_recipe(votebox_registry) -> None:
    source = votebox_registry.recipe("units").source
    with pytest.raises(RecipeError, match="'parsec' is not known"):
        load_recipe(source.replace('unit = "m"', 'unit = "parsec"'), votebox_registry)


def test_the_recipe_lets_kilometres_and_metres_agree(votebox_solve) -> None:
    replies = ["ANSWER: 3.2 km", "ANSWER: 3200 m", "ANSWER: 3200 s", "ANSWER: 1 m"]
    assert votebox_solve("units", replies).answer == "3200"
