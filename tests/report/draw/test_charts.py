"""Charts are well-formed SVG whose ticks are round and whose lines go where the numbers are."""

import re
from xml.etree import ElementTree

import pytest

from fewlabels.report.draw.bars import count_bars
from fewlabels.report.draw.chart import COLOURS, cut, nice_ticks
from fewlabels.report.draw.lines import Series, line_chart

HOSTILE = '<script>alert(1)</script>"&'


def _lines(chart: str) -> list[list[tuple[float, float]]]:
    tree = ElementTree.fromstring(chart)
    return [
        [tuple(map(float, pair.split(","))) for pair in line.attrib["points"].split()] for line in tree.iter("polyline")
    ]


def _texts(chart: str) -> list[str]:
    return [text.text or "" for text in ElementTree.fromstring(chart).iter("text")]


@pytest.mark.parametrize(
    ("low", "high", "expected"),
    [
        (0, 1, [0, 0.2, 0.4, 0.6, 0.8, 1]),
        (0, 2000, [0, 500, 1000, 1500, 2000]),
        (0.13, 2.4, [0, 0.5, 1, 1.5, 2, 2.5]),
        (-3, 7, [-4, -2, 0, 2, 4, 6, 8]),
        (0.972, 0.978, [0.972, 0.974, 0.976, 0.978]),
    ],
)
def test_ticks_are_round_and_enclose_the_data(low: float, high: float, expected: list[float]) -> None:
    assert nice_ticks(low, high) == pytest.approx(expected)


@pytest.mark.parametrize("value", [0.0, 0.5, -2.0, 1e-9, 3e8])
def test_ticks_of_a_constant_enclose_it(value: float) -> None:
    ticks = nice_ticks(value, value)
    assert ticks[0] < value < ticks[-1]


def test_larger_values_are_drawn_higher_and_later_ones_further_right() -> None:
    [line] = _lines(line_chart("Loss", [Series("loss", [(0, 1.0), (10, 3.0), (20, 2.0)], 0)]))
    (x0, y0), (x1, y1), (x2, y2) = line
    assert x0 < x1 < x2
    assert y1 < y2 < y0
    assert x1 - x0 == pytest.approx(x2 - x1, abs=0.2)
    assert y0 - y1 == pytest.approx(2 * (y0 - y2), abs=0.3)


@pytest.mark.parametrize("missing", [None, float("nan"), float("inf")])
def test_a_missing_value_breaks_the_line(missing: float | None) -> None:
    points = [(0, 0.1), (1, 0.2), (2, missing), (3, 0.3), (4, 0.4)]
    chart = line_chart("Accuracy", [Series("test", points, 0)])
    assert [len(line) for line in _lines(chart)] == [2, 2]
    assert "nan" not in chart
    assert "inf" not in chart


def test_a_value_that_stands_alone_is_a_dot() -> None:
    chart = line_chart("Accuracy", [Series("test", [(0, None), (5, 0.5), (9, None)], 0)])
    assert _lines(chart) == []
    assert len(list(ElementTree.fromstring(chart).iter("circle"))) == 1


def test_nothing_measured_draws_nothing() -> None:
    assert line_chart("Accuracy", [Series("test", [(0, None)], 0), Series("val", [], 1)]) == ""
    assert line_chart("Accuracy", []) == ""
    assert count_bars("Labels", {}) == ""


def test_the_legend_names_each_line_with_its_last_value() -> None:
    chart = line_chart("Accuracy", [Series("a", [(0, 0.5), (1, 0.25)], 0), Series("b", [(0, 1.0)], 1)], shares=True)
    assert {"a  25.0\u00a0%", "b  100.0\u00a0%"} <= set(_texts(chart))


def test_axes_of_shares_stay_between_0_and_100_percent() -> None:
    ticks = [
        text
        for text in _texts(line_chart("Share", [Series("s", [(0, 0.98), (1, 1.0)], 0)], shares=True))
        if "%" in text
    ]
    values = [float(text.split()[0]) for text in ticks if "\u00a0" not in text]
    assert values
    assert max(values) == 100


def test_many_long_names_stay_inside_the_drawing() -> None:
    series = [Series(f"a run with quite a long name, number {k}", [(0, k), (1, k + 1)], k) for k in range(10)]
    tree = ElementTree.fromstring(line_chart("Loss", series))
    [svg] = tree.iter("svg")
    _, _, width, height = map(float, svg.attrib["viewBox"].split())
    for text in svg.iter("text"):
        assert 0 <= float(text.attrib["x"]) <= width
        assert 0 <= float(text.attrib["y"]) <= height


def test_more_series_than_colours_are_told_apart_by_dashes() -> None:
    series = [Series(str(k), [(0, k), (1, k)], k) for k in range(COLOURS + 1)]
    styles = re.findall(r"<polyline[^>]*?(style=[^>]*)/>", line_chart("Loss", series))
    assert len(set(styles)) == COLOURS + 1


@pytest.mark.parametrize(
    "chart", [count_bars(HOSTILE, {HOSTILE: 3}), line_chart(HOSTILE, [Series(HOSTILE, [(0, 1.0)], 0)])]
)
def test_names_are_text_and_never_markup(chart: str) -> None:
    tree = ElementTree.fromstring(chart)
    assert not list(tree.iter("script"))
    assert tree.findtext("figcaption") == HOSTILE


def test_bars_are_as_long_as_their_counts() -> None:
    rows = ElementTree.fromstring(count_bars("Labels", {"cat": 10, "dog": 5, "owl": 0})).iter("rect")
    cat, dog, owl = (float(row.attrib["width"]) for row in rows)
    assert cat == pytest.approx(2 * dog, abs=0.1)
    assert owl == 0


def test_the_largest_count_is_written_inside_the_drawing() -> None:
    tree = ElementTree.fromstring(count_bars("Labels", {"a class with a long name": 1_234_567, "b": 1}))
    [count] = [text for text in tree.iter("text") if text.text == "1.235M"]
    # A character of 12 pixel text is about 7 wide.
    assert float(count.attrib["x"]) + 7 * len("1.235M") <= 360


def test_bars_of_many_classes_are_summed_up() -> None:
    chart = count_bars("Labels", {f"class {k}": k for k in range(200)})
    assert len(list(ElementTree.fromstring(chart).iter("rect"))) == 30
    assert "170\u00a0more classes, 30 to 199 each" in chart


def test_bars_of_zero_counts_are_drawn() -> None:
    assert "<rect" in count_bars("Labels", {"a": 0})


def test_long_text_is_cut() -> None:
    assert cut("abcdef", 4) == "abc…"
    assert cut("abcd", 4) == "abcd"
