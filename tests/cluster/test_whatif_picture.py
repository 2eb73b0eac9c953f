"""The picture of a what-if: one self-contained SVG, readable on light and on dark screens."""

import re
from dataclasses import replace
from xml.etree import ElementTree as ET

from votebox.cluster.whatif_picture import draw_report
from votebox.plugins.whatif_summary import Estimate, Line, Report

BACKGROUND = {"light": "#ffffff", "dark": "#16181c"}


def line(stop: str, saved: float, change: float = 0.0, dispatch: str = "all") -> Line:
    none = Estimate(change, change - 0.01, change + 0.01)
    part = Estimate(saved, saved, saved)
    return Line(stop, dispatch, none, none, 0.1, Estimate(0.99, 0.9, 1), 9, 9, part, None, (), True)


def report(*lines: Line) -> Report:
    return Report(lines, 3, 3, 1, 8, 9, 0, 0, Estimate(0.8, 0.7, 0.9), 99, 9)


def labels(svg: str) -> list[str]:
    root = ET.fromstring(svg)  # noqa: S314 - ours
    return [text.text or "" for text in root.iter("{http://www.w3.org/2000/svg}text")]


def luminance(colour: str) -> float:
    """Return the relative luminance of WCAG 2.1."""
    parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    linear = [p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: str, other: str) -> float:
    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


def test_text_and_marks_stand_out_on_light_and_dark() -> None:
    svg = draw_report(report(*(line(f"r{n}", n / 9, dispatch=f"d{n}") for n in range(7))))
    dark = dict(re.findall(r'\[fill="(#\w{6})"\]\{fill:(#\w{6})\}', svg))
    body = svg.split("</style>")[1]
    texts = set(re.findall(r'<text [^>]*fill="(#\w{6})"', body))
    marks = set(re.findall(r'<circle [^>]*fill="(#\w{6})"', body)) - {BACKGROUND["light"]}
    assert len(texts) >= 2
    assert len(marks) == 7
    for colour in texts:
        assert contrast(colour, BACKGROUND["light"]) >= 4.5
        assert contrast(dark[colour], BACKGROUND["dark"]) >= 4.5
    for colour in marks:
        assert contrast(colour, BACKGROUND["light"]) >= 2
        assert contrast(dark.get(colour, colour), BACKGROUND["dark"]) >= 3


def test_rules_on_one_spot_share_a_label_and_others_have_their_own() -> None:
    same = [line("clinch", 0.1, dispatch=name) for name in ("all", "fixed:3")]
    told = labels(draw_report(report(*same, line("clinch", 0.5), line("fhpc", 0.1))))
    assert told.count("clinch") == 2
    assert told.count("fhpc") == 1
    assert "fixed:3" in told  # of the legend


def test_names_are_text_and_nothing_is_loaded() -> None:
    svg = draw_report(report(line('</svg><script src="http://x">', 0.5, dispatch="a&b\x1b[1m")))
    ET.fromstring(svg)  # noqa: S314 - ours
    assert "<script" not in svg
    assert "\x1b" not in svg
    assert not re.search(r"href|url\(|@import|<image|<foreignObject", svg)


def test_without_a_reference_agreement_is_drawn() -> None:
    whole = report(replace(line("fhpc", 0.5), accuracy=None, accuracy_delta=None))
    told = labels(draw_report(replace(whole, accuracy=None)))
    assert "agreement with the full vote, %" in told
