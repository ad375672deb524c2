"""The drawings of a report: scales, thinning, marks that are where the numbers say."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from atc.report.html.draw.heat import heat_map, level
from atc.report.html.draw.lines import MOST_POINTS, Curve, line_chart
from atc.report.html.draw.marks import Drawing, element, number, path, rectangle, shortened
from atc.report.html.draw.parallel import Axis, parallel
from atc.report.html.draw.points import Point, front, scatter
from atc.report.html.draw.rows import Mark, Row, row_chart
from atc.report.html.draw.scale import linear, nice_step, of_time, readable
from atc.report.html.draw.swarm import MOST_POINTS as SWARM_POINTS
from atc.report.html.draw.swarm import swarm
from atc.report.html.draw.thin import along, evenly, keep_extremes

HOUR = 3_600 * 10**9
MONDAY = 1_736_121_600 * 10**9  # 2025-01-06 00:00 UTC


def parsed(drawing: Drawing) -> ET.Element:
    """Well-formed, or the parser says where it is not."""
    return ET.fromstring(f"<svg>{drawing.body}</svg>")


def of_class(tree: ET.Element, *looks: str) -> list[ET.Element]:
    return [one for one in tree.iter() if set(looks) <= set(one.get("class", "").split())]


def points_of(mark: ET.Element) -> list[tuple[float, float]]:
    found = re.findall(r"[ML](-?[\d.]+) (-?[\d.]+)", mark.get("d", ""))
    return [(float(x), float(y)) for x, y in found]


@given(
    st.lists(st.floats(-1e9, 1e9, allow_nan=False), min_size=1, max_size=20),
    st.integers(3, 12),
    st.booleans(),
)
@example([0.0, 5e-324], 3, False)
@example([-5e-324, 0.0], 3, True)
def test_a_scale_holds_its_values_and_names_round_ones(values: list[float], most: int, wide: bool) -> None:
    scale = linear(values, 0.0, 500.0, most=most, wide=wide)
    room = 1e-6 * (scale.high - scale.low)
    assert scale.low <= min(values) + room
    assert scale.high >= max(values) - room
    assert len(scale.ticks) <= most + 2
    at = [scale(value) for value, _ in scale.ticks]
    assert at == sorted(at)
    assert all(0.0 <= one <= 500.0 for one in at)
    assert len({said for _, said in scale.ticks}) == len(scale.ticks)


def test_steps_are_1_2_or_5() -> None:
    assert [nice_step(span, 5) for span in (1.0, 7.0, 12.0, 0.03)] == [0.2, 2.0, 5.0, 0.01]


def test_ticks_that_would_touch_have_no_words() -> None:
    scale = linear([0, 5_000_000], 0.0, 300.0, most=6, sign="+")
    told = [said for _, said in readable(scale, 7.0)]
    assert told == ["+0", "", "+2,000,000", "", "+4,000,000", ""]
    assert all(said for _, said in readable(linear([0, 5], 0.0, 300.0), 7.0))


def test_ticks_say_what_they_are_and_never_minus_nothing() -> None:
    assert [said for _, said in linear([-0.02, 0.03], 0, 1, most=5, sign="+").ticks] == [
        *("-0.02", "-0.01", "+0.00", "+0.01", "+0.02", "+0.03"),
    ]
    assert linear([0, 1_234_567], 0, 1, most=3).ticks[-1][1] == "1,500,000"
    assert linear([], 0, 1).ticks  # nothing to show is no reason to fall over
    assert linear([5.0, float("nan"), None], 0, 1)(5.0) == pytest.approx(0.5)


@pytest.mark.parametrize(
    ("hours", "first", "count"), [(5, "00:00", 6), (24 * 5, "Jan 06", 6), (24 * 60, "Jan 06", 5)]
)
def test_times_have_ticks_at_whole_hours_days_and_mondays(hours: int, first: str, count: int) -> None:
    scale = of_time(MONDAY, MONDAY + hours * HOUR, 0.0, 800.0)
    assert scale.ticks[0] == (float(MONDAY), first)
    assert len(scale.ticks) == count


@given(st.lists(st.floats(-1e6, 1e6) | st.just(float("nan")), min_size=1, max_size=400), st.integers(4, 60))
def test_a_thinned_curve_keeps_ends_and_extremes(values: list[float], most: int) -> None:
    y = np.array(values)
    places = keep_extremes(y, most)
    assert len(places) <= most
    assert (np.diff(places) > 0).all()
    assert {0, len(y) - 1} <= set(places.tolist())
    if not np.isnan(y).all():
        assert np.nanmin(y[places]) == np.nanmin(y)
        assert np.nanmax(y[places]) == np.nanmax(y)


def test_a_single_spike_among_a_million_points_is_kept() -> None:
    y = np.zeros(1_000_000)
    y[765_432] = -1.0
    assert 765_432 in keep_extremes(y, 100)


def test_a_rising_curve_is_thinned_along_its_way() -> None:
    x = np.linspace(0, 1, 100_001)
    y = np.minimum(1.0, x * 500)  # all of its rise in the first 200 points
    places = along(x, y, 100)
    assert len(places) <= 102
    assert (places < 200).sum() >= 40
    assert {0, 100_000} <= set(places.tolist())
    assert evenly(10, 4).tolist() == [0, 3, 6, 9]
    assert evenly(3, 9).tolist() == [0, 1, 2]


def test_marks_escape_and_refuse_what_is_no_number() -> None:
    said = element("text", class_="a", data_tip='<b> & "c"', x=1.0, left_out=None)
    assert said == '<text class="a" data-tip="&lt;b&gt; &amp; &quot;c&quot;" x="1"/>'
    assert [number(one) for one in (0.04, -0.04, 10.0, 2.26)] == ["0", "0", "10", "2.3"]
    with pytest.raises(ValueError, match="finite"):
        number(float("nan"))
    assert 'width="5"' in rectangle(10.0, 0.0, -5.0, 2.0, "x")
    assert path([(0, 0), None, (1, 1), (2, 2)], "x").count("M") == 2
    assert path([], "x") == ""
    assert shortened("abcdef", 4) == "abc…"


def test_a_curve_goes_through_its_numbers() -> None:
    x = np.array([0.0, 1.0, 2.0])
    tree = parsed(line_chart([Curve("a <b>", x, np.array([0.0, 10.0, 5.0]))], width=500, height=300))
    (curve,) = of_class(tree, "s0", "curve")
    (x0, y0), (x1, y1), (x2, y2) = points_of(curve)
    assert x1 - x0 == pytest.approx(x2 - x1, abs=0.2)
    assert y0 > y2 > y1  # up is more
    assert (y0 - y2) == pytest.approx((y0 - y1) / 2, abs=0.2)
    tips = [one.get("data-tip") for one in of_class(tree, "hit")]
    assert tips == ["0\na <b> 0", "1\na <b> 10", "2\na <b> 5"]


def test_a_long_curve_is_small_and_a_gap_stays_one() -> None:
    n = 200_000
    y = np.sin(np.arange(n) / 900.0)
    y[50_000:60_000] = np.nan
    drawing = line_chart([Curve("a", MONDAY + HOUR * np.arange(n, dtype=float), y, filled=False)], times=True)
    assert len(drawing.body) < 40_000
    (curve,) = of_class(parsed(drawing), "curve")
    assert len(points_of(curve)) <= MOST_POINTS
    assert curve.get("d", "").count("M") == 2


def test_a_band_and_dots_are_drawn() -> None:
    x, y = np.arange(5.0), np.arange(5.0)
    tree = parsed(line_chart([Curve("a", x, y, low=y - 1, high=y + 1), Curve("b", x, y, "s1", dots=True)]))
    assert len(of_class(tree, "s0", "band")) == 1
    assert len(of_class(tree, "s1", "dot")) == 5
    assert not of_class(tree, "s1", "curve")


def test_rows_stand_where_their_values_are() -> None:
    rows = [
        Row("one", (Mark(1.0, 0.5, 1.5, "s0", name="model"), Mark(0.0, look="s1"))),
        Row("two", (Mark(-1.0, look="loss", start=1.0),), "−2"),
        Row("none", (Mark(None),)),
    ]
    tree = parsed(row_chart(rows, at_x=0.0, digits=1))
    (mine,) = of_class(tree, "s0", "dot")
    (other,) = of_class(tree, "s1", "dot")
    (interval,) = of_class(tree, "s0", "interval")
    (bar,) = of_class(tree, "loss", "bar")
    unit = float(mine.get("cx", "")) - float(other.get("cx", ""))
    assert float(interval.get("x2", "")) - float(interval.get("x1", "")) == pytest.approx(unit, abs=0.2)
    assert float(bar.get("width", "")) == pytest.approx(2 * unit, abs=0.2)
    tips = [one.get("data-tip") for one in of_class(tree, "hit")]
    assert tips == ["one\nmodel 1.0 (0.5 … 1.5)\n0.0", "two\n-1.0", "none"]


def test_a_heat_map_colours_by_sign_and_size() -> None:
    assert [level(value, 100.0) for value in (0, 1, 100, -1, -41, 250)] == [0, 1, 5, -1, -3, 5]
    cells = [[100.0, -20.0], [None, 0.0]]
    tree = parsed(heat_map(cells, rows=["a", "b"], columns=["c", "d"], largest=100.0, own=(1, 1)))
    looks = [one.get("class") for one in of_class(tree, "cell")]
    assert looks == ["cell h5", "cell h-1", "cell none", "cell h0 own"]
    words = [one.text for one in of_class(tree, "incell")]
    assert words == ["+100", "-20", "–", "0"]


def test_a_swarm_keeps_the_extremes_and_greys_what_is_null() -> None:
    values = np.linspace(-1, 1, 5_000)
    values[17] = 9.0
    colours = np.where(np.arange(5_000) % 2 == 0, values, np.nan)
    tree = parsed(swarm(["a"], [values], [colours], x_title="x"))
    dots = list(tree.iter("circle"))
    assert len(dots) <= SWARM_POINTS
    at = [float(one.get("cx", "")) for one in dots]
    assert max(at) - sorted(at)[-2] > 100  # the one at 9
    assert {one.get("class") for one in dots} == {"qn", "q0", "q1", "q2", "q3", "q4"}


def test_the_front_is_what_no_other_beats() -> None:
    points = [Point("a", 1, 1), Point("b", 2, 3), Point("c", 3, 2), Point("d", 2, 2), Point("e", 4, 4)]
    assert [points[place].name for place in front(points)] == ["a", "b", "e"]
    assert front([Point("x", 1, 1), Point("y", 1, 1)]) == [0]
    assert front([]) == []
    rng = np.random.default_rng(0)
    many = [Point(str(i), float(x), float(y)) for i, (x, y) in enumerate(rng.random((60, 2)))]
    best = set(front(many))
    for place, one in enumerate(many):
        beaten = any(
            other.x <= one.x and other.y >= one.y and (other.x, other.y) != (one.x, one.y) for other in many
        )
        assert (place in best) == (not beaten)
    tree = parsed(scatter(points, x_title="cost", y_title="lift"))
    assert len(of_class(tree, "s1", "dot")) == 3
    assert len(of_class(tree, "s0", "ring")) == 2


def test_parallel_lines_go_through_numbers_and_words() -> None:
    axes = [Axis("leaves", (31.0, 63.0, None)), Axis("label", ("a", "b", "a"))]
    tree = parsed(parallel(axes, ["x", "y", "z"], Axis("lift", (0.1, 0.2, None))))
    strands = of_class(tree, "strand")
    assert [one.get("class", "").split()[0] for one in strands] == ["q0", "q2", "qn"]
    tips = [one.get("data-tip") for one in of_class(tree, "thread")]
    assert tips == ["x\nlift 0.1", "y\nlift 0.2", "z\nlift –"]
    words = {one.text for one in tree.iter("text")}
    assert {"leaves", "label", "lift", "31", "63", "a", "b"} <= words
