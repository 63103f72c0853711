"""Figures show what the tables say, nothing else, and the same bytes every time."""

import itertools
import os
import re
import subprocess
import sys

import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.collections import LineCollection
from matplotlib.colors import to_hex
from matplotlib.figure import Figure

from immunerecon.figures import (
    STYLES,
    Limits,
    all_tubes,
    cohort_incidence,
    draw_course,
    draw_cumulative_incidence,
    draw_donor_fraction,
    draw_gate,
    figure_style,
    gating_tree,
    patient_courses,
    save_figure,
)
from immunerecon.figures.gate_labels import place_labels
from immunerecon.figures.patients import course_data
from immunerecon.figures.saving import render_figure
from immunerecon.figures.sheets import draw_tubes, sheet_data
from immunerecon.figures.style import OKABE_ITO, POPULATION_LOOKS, points
from immunerecon.gating.geometry.gates import PolygonGate, Range, RectangleGate
from immunerecon.gating.pictures import GatePicture

pytestmark = pytest.mark.filterwarnings("error")  # such as a layout that failed


@pytest.fixture
def ax():
    return Figure().add_subplot()


class Decades:
    """Display scale with decades at known places: 10^3 at 0.4, 10^4 at 0.6, 10^5 at 0.8."""

    def apply(self, values):
        return (0.2 * np.log10(np.maximum(values, 10.0)) - 0.2).astype(np.float32)

    def inverse(self, display):
        return (10.0 ** (np.asarray(display, dtype=float) / 0.2 + 1)).astype(np.float32)


class Thousands:
    def apply(self, values):
        return np.float32(values) / np.float32(262144)

    def inverse(self, display):
        return np.float32(display) * np.float32(262144)


def picture(population="NK", gate=None, *, count=30, parent_count=200, **changes):
    counts = np.zeros((96, 96), dtype=np.uint32)
    counts[20, 70] = parent_count
    gate = gate or RectangleGate({"CD3": Range(high=0.5), "CD56": Range(low=0.4)})
    x, y = gate.dimensions
    return GatePicture(
        **{
            "population": population,
            "parent": "Lymphocytes",
            "x": x,
            "y": y,
            "counts": counts,
            "gate": gate,
            "count": count,
            "parent_count": parent_count,
            "source": "data",
            "confidence": 0.9,
        }
        | changes
    )


@pytest.fixture
def populations():
    """NK of two draws a tenth and ten times the T cells; none seen on day 1, no number on day 3."""
    rows = []
    for population, scale in (("NK", 1.0), ("T", 10.0), ("B", 0.5)):
        for day, cells in ((-7, 120.0), (0, 8.0), (1, 0.0), (3, np.nan), (14, 300.0)):
            rows.append(
                {
                    "patient": "P1",
                    "day": float(day),
                    "population": population,
                    "cells_per_ul": cells * scale,
                    "cells_per_ul_low": cells * scale * 0.8,
                    "cells_per_ul_high": cells * scale * 1.25 if cells else 4.0,
                    "count_method": "dual-platform" if day == 14 else "single-platform",
                }
            )
    return pd.DataFrame(rows)


@pytest.fixture
def donor_cells():
    calls = ["detected", "detected_below_loq", "not_detected", "not_evaluable", "detected"]
    nk = pd.DataFrame(
        {
            "patient": "P1",
            "day": [7.0, 14, 28, 42, 60],
            "population": "NK",
            "marker": "HLA-A2+",
            "donor_fraction": [0.4, 0.006, 0.0, np.nan, 0.02],
            "fraction_low": [0.37, 0.002, 0.0, np.nan, 0.01],
            "fraction_high": [0.43, 0.012, 0.003, np.nan, 0.03],
            "lod": [0.002, 0.003, 0.005, np.nan, 0.002],
            "call": calls,
            "reason": ["", "", "", "12 NK events", ""],
        }
    )
    return pd.concat([nk, nk.assign(population="T"), nk.assign(population="B")], ignore_index=True)


@pytest.fixture
def clinical_events():
    events = [("P1", 0.0, "infusion"), ("P1", 60.0, "infusion"), ("P1", 90.0, "death")]
    return pd.DataFrame([*events, ("P2", 5.0, "progression")], columns=["patient", "day", "event"])


@pytest.fixture
def cohort_recovery():
    return pd.DataFrame(
        {
            "group": "all",
            "population": "NK",
            "threshold": 100.0,
            "time": [0.0, 7, 21, 30, 60],
            "cumulative_incidence": [0.0, 0.25, 0.5, 0.5, 0.75],
            "low": [np.nan, 0.1, 0.2, 0.2, 0.4],
            "high": [np.nan, 0.5, 0.7, 0.7, 0.9],
            "at_risk": [8, 8, 6, 4, 3],
            "recovered": [0, 2, 2, 0, 2],
            "competing": [0, 0, 0, 1, 0],
            "cumulative_incidence_early": [0.0, 0.5, 0.5, 0.5, 0.75],
        }
    )


def markers(ax, marker):
    """Points drawn with a marker, as (x, y) pairs."""
    return [
        (float(x), float(y))
        for line in ax.lines
        if line.get_marker() == marker
        for x, y in zip(line.get_xdata(), line.get_ydata(), strict=True)
    ]


def dashed_lines(ax):
    return [line for line in ax.lines if line.get_linestyle() == "--"]


def shown_labels(axis):
    low, high = axis.get_view_interval()
    places = zip(axis.get_majorticklocs(), axis.get_ticklabels(), strict=True)
    return {
        label.get_text(): place
        for place, label in places
        if low <= place <= high and label.get_text()
    }


# One gate


def test_gate_outline_stands_where_the_gate_is(ax):
    gate = RectangleGate({"CD3": Range(0.2, 0.5), "CD56": Range(0.4, 0.9)})
    draw_gate(picture(gate=gate), ax=ax)
    outline = next(patch for patch in ax.patches if not patch.get_fill())
    assert outline.get_bbox().extents == pytest.approx([0.2, 0.4, 0.5, 0.9])


def test_side_without_a_bound_is_not_drawn(ax):
    draw_gate(picture(), ax=ax)
    outline = next(patch for patch in ax.patches if not patch.get_fill())
    left, bottom, right, top = outline.get_bbox().extents
    assert (right, bottom) == pytest.approx((0.5, 0.4))
    assert left < ax.get_xlim()[0] and top > ax.get_ylim()[1]


def test_gate_is_labelled_with_its_share_of_the_parent(ax):
    draw_gate(picture(count=25, parent_count=200), ax=ax)
    assert [text.get_text() for text in ax.texts] == ["NK\n12.5 %"]
    assert ax.get_title("left") == "Lymphocytes"
    assert ax.get_title("right") == "200"


@pytest.mark.parametrize(("confidence", "style"), [(0.49, "--"), (0.5, "-")])
def test_low_confidence_is_dashed(ax, confidence, style):
    draw_gate(picture(confidence=confidence), ax=ax)
    outline = next(patch for patch in ax.patches if not patch.get_fill())
    assert outline.get_linestyle() == {"--": "dashed", "-": "solid"}[style]


def test_few_events_are_drawn_one_by_one_and_many_as_density(ax):
    draw_gate(picture(parent_count=200), ax=ax)
    assert ax.collections[0].get_offsets().data.tolist() == pytest.approx(
        np.array([[-0.05 + 20.5 * 1.1 / 96, -0.05 + 70.5 * 1.1 / 96]])
    )
    assert ax.collections[0].get_rasterized()
    dense = Figure().add_subplot()
    draw_gate(picture(parent_count=5000), ax=dense)
    image = dense.images[0].get_array()
    assert image[70, 20] == 5000  # row is y
    assert image.mask.sum() == 96 * 96 - 1


def test_decades_stand_where_the_scale_puts_them(ax):
    gate = RectangleGate({"CD3": Range(high=0.5), "SSC-A": Range(low=0.4)})
    draw_gate(picture(gate=gate), ax=ax, x_scale=Decades(), y_scale=Thousands())
    across = shown_labels(ax.xaxis)
    assert across["$10^{4}$"] == pytest.approx(0.6)
    assert across["$10^{5}$"] == pytest.approx(0.8)
    assert shown_labels(ax.yaxis) == pytest.approx(
        {"0": 0.0, "100k": 1e5 / 262144, "200k": 2e5 / 262144}
    )


@pytest.mark.parametrize(
    ("top", "labels"),
    [
        (262144, ["0", "100k", "200k"]),
        (4194304, ["0", "1M", "2M", "3M", "4M"]),
        (8700, ["0", "2k", "4k", "6k", "8k"]),
        (1023, ["0", "500", "1k"]),
    ],
)
def test_linear_axes_bear_a_few_round_numbers(ax, top, labels):
    class Linear(Thousands):
        def apply(self, values):
            return np.float32(values) / np.float32(top)

        def inverse(self, display):
            return np.float32(display) * np.float32(top)

    draw_gate(picture(), ax=ax, x_scale=Linear())
    assert list(shown_labels(ax.xaxis)) == labels


def test_labels_of_decades_never_touch(ax):
    class Crowded(Decades):
        def apply(self, values):
            return super().apply(values) * np.float32(0.3)

        def inverse(self, display):
            return super().inverse(np.asarray(display) / 0.3)

    draw_gate(picture(), ax=ax, x_scale=Crowded())
    places = sorted(shown_labels(ax.xaxis).values())
    assert len(places) > 1 and np.diff(places).min() >= 0.085 * 1.1


def test_without_scales_the_axes_run_from_0_to_1(ax):
    draw_gate(picture(), ax=ax)
    assert shown_labels(ax.xaxis) == {"0": 0.0, "0.5": 0.5, "1": 1.0}


# Tree and sheet


def test_gates_of_one_parent_and_pair_share_a_panel():
    t = RectangleGate({"CD3": Range(low=0.5), "CD19": Range(high=0.4)})
    b = RectangleGate({"CD19": Range(low=0.4), "CD3": Range(high=0.5)})
    nk = RectangleGate({"CD3": Range(high=0.5), "CD56": Range(low=0.4)})
    figure = gating_tree([picture("T", t), picture("B", b), picture("NK", nk)])
    first, second = figure.axes
    assert [text.get_text().split("\n")[0] for text in first.texts] == ["T", "B"]
    assert (first.get_xlabel(), first.get_ylabel()) == ("CD3", "CD19")
    assert second.get_ylabel() == "CD56"
    # B names CD19 first: on the panel of T its CD3 bound must still lie on the x axis.
    outlines = [patch for patch in first.patches if not patch.get_fill()]
    assert outlines[1].get_bbox().x1 == pytest.approx(0.5)
    assert outlines[1].get_bbox().y0 == pytest.approx(0.4)


def test_polygon_is_turned_with_its_panel():
    corners = ((0.1, 0.2), (0.3, 0.2), (0.3, 0.6))
    upright = picture("A", PolygonGate(("CD3", "CD4"), corners))
    turned = picture("B", PolygonGate(("CD4", "CD3"), corners))
    (panel,) = gating_tree([upright, turned]).axes
    second = [patch for patch in panel.patches if not patch.get_fill()][1]
    assert second.get_xy()[:3].tolist() == [[0.2, 0.1], [0.2, 0.3], [0.6, 0.3]]


def test_sheet_frames_doubtful_gates_and_names_what_is_missing():
    tubes = {"P1 day 0": [picture()], "P1 day 1": [picture(confidence=0.1)], "P1 day 3": []}
    (ax,) = all_tubes(tubes).axes
    *labels, heading = [text.get_text() for text in ax.texts]
    assert heading.startswith("NK on CD3 (across) and CD56 (up), share of Lymphocytes")
    assert [label.split("\n")[1] for label in labels] == [
        "15.0 %",
        "15.0 %",
        "not gated",
    ]
    frames = ax.collections[0]
    colours = [to_hex(colour, keep_alpha=False).upper() for colour in frames.get_edgecolors()]
    assert [colour == OKABE_ITO["vermillion"] for colour in colours] == [False, True, False]
    pixels = np.asarray(ax.images[0].get_array())
    assert (pixels < 250).any(axis=2).sum() == 2  # one bin a tube, two tubes


def test_sheet_puts_tubes_apart_first_in_a_heavy_frame(ax):
    tubes = {f"P1 day {day}": [picture()] for day in range(4)}
    scores = {"P1 day 0": 1.0, "P1 day 1": 7.0, "P1 day 2": np.nan, "P1 day 3": 20.0}
    assert draw_tubes(tubes, population="NK", ax=ax, scores=scores) is ax
    *labels, heading = [text.get_text() for text in ax.texts]
    assert [label.split("\n")[0][-1] for label in labels] == ["3", "1", "0", "2"]
    assert heading.endswith("heavy frame, first: apart from the other tubes")
    assert ax.collections[0].get_linewidths() == pytest.approx(
        points(1.0) * np.array([2, 2, 0.6, 0.6])
    )
    rows = sheet_data(tubes, "NK", scores)
    assert rows.set_index("tube")["outlier_score"].to_dict() == pytest.approx(scores, nan_ok=True)


# Courses


def test_course_marks_method_absence_and_missing_numbers(ax, populations):
    draw_course(populations, patient="P1", population="NK", ax=ax)
    assert markers(ax, "o") == [(-7.0, 120.0), (0.0, 8.0)]
    assert markers(ax, "D") == [(14.0, 300.0)]
    assert markers(ax, "v") == [(1.0, 4.0)]  # at the upper limit, never at 0
    assert [x for x, _ in markers(ax, "x")] == [3.0]
    assert ax.get_yscale() == "log"
    assert ax.get_title("right") == "single-platform, dual-platform"


def test_course_breaks_its_line_where_nothing_was_seen(ax, populations):
    draw_course(populations, patient="P1", population="NK", ax=ax)
    line = next(line for line in ax.lines if line.get_alpha() == 0.45)
    assert np.isnan(line.get_ydata()[list(line.get_xdata()).index(1.0)])
    assert 3.0 not in line.get_xdata()


def test_course_draws_intervals(ax, populations):
    draw_course(populations, patient="P1", population="NK", ax=ax)
    bars = [
        path.vertices.tolist()
        for c in ax.collections
        for path in c.get_paths()
        if isinstance(c, LineCollection)
    ]
    assert [[-7.0, 96.0], [-7.0, 150.0]] in bars


def test_course_draws_limits_and_events(ax, populations, clinical_events):
    limits = Limits({"NK": (100.0,)}, {"NK": (61.0, 607.0)})
    draw_course(
        populations,
        patient="P1",
        population="NK",
        ax=ax,
        limits=limits,
        clinical_events=clinical_events,
    )
    assert "100" in [text.get_text() for text in ax.texts]
    vertical = sorted(line.get_xdata()[0] for line in ax.lines if list(line.get_ydata()) == [0, 1])
    assert vertical == [0.0, 60.0, 90.0]  # not the other patient's progression
    band = next(patch for patch in ax.patches if patch.get_height() > 100)
    assert (band.get_y(), band.get_y() + band.get_height()) == (61.0, 607.0)
    low, high = ax.get_ylim()
    assert low <= 4 and high >= 607


def test_course_takes_the_first_panel_with_a_number(ax, populations):
    other = populations.assign(cells_per_ul=populations["cells_per_ul"] * 3)
    draw_course(pd.concat([populations, other]), patient="P1", population="NK", ax=ax)
    assert markers(ax, "o") == [(-7.0, 120.0), (0.0, 8.0)]


def test_course_without_any_number_says_so(ax, populations):
    uncounted = populations.assign(cells_per_ul=np.nan)
    draw_course(uncounted, patient="P1", population="NK", ax=ax)
    assert [text.get_text() for text in ax.texts] == ["no cells per µL"]
    assert [x for x, _ in markers(ax, "x")] == [-7.0, 0.0, 1.0, 3.0, 14.0]


def test_donor_fraction_that_nothing_tells_gives_the_reason(ax, donor_cells):
    blind = donor_cells.assign(call="not_evaluable", reason="no informative marker")
    draw_donor_fraction(blind, patient="P1", ax=ax)
    assert [text.get_text() for text in ax.texts] == ["not evaluable: no informative\nmarker"]


def test_donor_fraction_tells_its_four_calls(ax, donor_cells):
    draw_donor_fraction(donor_cells, patient="P1", ax=ax)
    filled = [line for line in ax.lines if line.get_marker() == "o"]
    told = {line.get_markerfacecolor(): line.get_xdata().tolist() for line in filled}
    assert told == {POPULATION_LOOKS["NK"].colour: [7.0, 60.0], "white": [14.0]}
    assert markers(ax, "v") == [(28.0, 0.5)]  # percent, at its LOD
    assert [x for x, _ in markers(ax, "x")] == [42.0]
    line = next(line for line in ax.lines if line.get_alpha() == 0.45)
    assert np.isnan(line.get_ydata()[2]) and line.get_ydata()[3] == pytest.approx(2.0)
    assert ax.get_ylim()[1] > 100


def test_patient_page_shares_its_axes(populations, donor_cells, clinical_events):
    figure = patient_courses(
        populations, donor_cells, patient="P1", clinical_events=clinical_events
    )
    assert len({ax.get_xlim() for ax in figure.axes}) == 1
    assert len({ax.get_ylim() for ax in figure.axes[:3]}) == 1
    assert figure.axes[0].get_ylim()[1] >= 3750  # T cells' upper limit sets the common axis
    assert [ax.get_title("left") for ax in figure.axes[3:]] == ["Donor NK", "Donor T", "Donor B"]


def test_patient_without_donor_marker_has_one_row(populations, donor_cells, clinical_events):
    nobody = donor_cells.iloc[:0]
    figure = patient_courses(populations, nobody, patient="P1", clinical_events=clinical_events)
    assert len(figure.axes) == 3


def test_source_data_are_the_rows_drawn(populations, donor_cells):
    other = pd.concat([populations, populations.assign(patient="P2")])
    data = course_data(other, donor_cells, "P1")
    assert set(data["patient"]) == {"P1"}
    assert data["shown"].value_counts().to_dict() == {"count": 15, "donor": 15}
    assert "12 NK events" in set(data["reason"].dropna())


# Cumulative incidence


def test_incidence_is_a_step_in_percent_with_its_band(ax, cohort_recovery):
    draw_cumulative_incidence(cohort_recovery, population="NK", threshold=100, ax=ax)
    curve = next(
        line
        for line in ax.lines
        if line.get_drawstyle() == "steps-post" and line.get_linestyle() == "-"
    )
    assert curve.get_ydata().tolist() == [0, 25, 50, 50, 75]
    assert markers(ax, "x") == [(30.0, 50.0)]
    assert "n = 8: 6 recovered, 1 competing" in [text.get_text() for text in ax.texts]
    band = ax.collections[0].get_paths()[0].vertices
    assert band[:, 1].max() == pytest.approx(90) and band[:, 1].min() == pytest.approx(10)


def test_number_at_risk_is_that_of_the_tick_below_which_it_stands(ax, cohort_recovery):
    draw_cumulative_incidence(cohort_recovery, population="NK", threshold=100, ax=ax)
    written = {text.xy[0]: text.get_text() for text in ax.texts if text.get_text().isdigit()}
    assert written == {0: "8", 3: "8", 7: "8", 14: "6", 28: "4", 60: "3"}


def test_cohort_page_has_one_panel_a_threshold(cohort_recovery):
    second = cohort_recovery.assign(threshold=200.0)
    level = cohort_recovery.assign(group="2")
    figure = cohort_incidence(pd.concat([cohort_recovery, second, level]))
    titles = [ax.get_title("left") for ax in figure.axes]
    assert titles == ["NK ≥ 100 per µL", "NK ≥ 200 per µL"]


# Style and files


def test_style_leaves_nothing_behind():
    before = dict(mpl.rcParams)
    with figure_style("poster"):
        assert mpl.rcParams["font.size"] == 16
    assert dict(mpl.rcParams) == before


def test_unknown_style_names_the_known_ones():
    with (
        pytest.raises(ValueError, match=r"'science'.*nature, blood, poster"),
        figure_style("science"),
    ):
        pass


@pytest.mark.parametrize("style", STYLES)
def test_width_on_paper_is_exact(style, tmp_path, cohort_recovery):
    figure = cohort_incidence(cohort_recovery, style=style)
    save_figure(figure, tmp_path, "page", data=cohort_recovery)
    svg = (tmp_path / "page.svg").read_text()
    points = float(re.search(r'width="([\d.]+)pt"', svg).group(1))
    assert points / 72 * 25.4 == pytest.approx(STYLES[style].double_mm, abs=0.01)
    box = re.search(rb"/MediaBox \[ 0 0 ([\d.]+)", (tmp_path / "page.pdf").read_bytes()).group(1)
    assert float(box) / 72 * 25.4 == pytest.approx(STYLES[style].double_mm, abs=0.01)


def test_text_stays_text_in_svg_and_pdf(populations, donor_cells, clinical_events):
    figure = patient_courses(
        populations, donor_cells, patient="P1", clinical_events=clinical_events
    )
    svg = render_figure(figure, "svg").decode()
    assert re.search(r"<text[^>]*>Donor NK</text>", svg)
    pdf = render_figure(figure, "pdf")
    assert b"/CIDFontType2" in pdf and b"/Type3" not in pdf


def test_labels_do_not_overlap_or_leave_the_page(populations, donor_cells, clinical_events):
    figure = patient_courses(
        populations, donor_cells, patient="P1", clinical_events=clinical_events
    )
    render_figure(figure, "png", dpi=100)
    renderer = FigureCanvasAgg(figure).get_renderer()
    page = figure.bbox
    for ax in figure.axes:
        box = ax.get_tightbbox(renderer)
        assert box.x0 >= page.x0 - 1 and box.x1 <= page.x1 + 1
        assert box.y0 >= page.y0 - 1 and box.y1 <= page.y1 + 1
        low, high = ax.get_xlim()
        labels = [t for t in ax.get_xticklabels() if low <= t.get_position()[0] <= high]
        boxes = sorted((t.get_window_extent(renderer) for t in labels), key=lambda box: box.x0)
        assert all(left.x1 < right.x0 for left, right in itertools.pairwise(boxes))
    legend = figure.legends[0].get_window_extent(renderer)
    assert all(not legend.overlaps(ax.get_tightbbox(renderer)) for ax in figure.axes)


_REDRAW = """
import hashlib, sys
import numpy as np
from immunerecon.figures import gating_tree
from immunerecon.figures.saving import render_figure
from immunerecon.gating.geometry.gates import Range, RectangleGate
from immunerecon.gating.pictures import GatePicture
counts = np.random.default_rng(0).poisson(2, (96, 96)).astype(np.uint32)
gate = RectangleGate({"CD3": Range(high=0.5), "CD56": Range(low=0.4)})
sparse, dense = (
    GatePicture("NK", "T", "CD3", "CD56", counts, gate, 1, n, "data", 1.0) for n in (300, 9000)
)
figure = gating_tree([sparse, dense])
print(*(hashlib.sha256(render_figure(figure, kind)).hexdigest() for kind in ("pdf", "svg", "png")))
"""


def test_redrawing_gives_the_same_bytes_in_another_process():
    told = {
        subprocess.run(
            [sys.executable, "-c", _REDRAW],
            env=os.environ | {"PYTHONHASHSEED": seed},
            capture_output=True,
            check=True,
            text=True,
        ).stdout
        for seed in ("1", "2")
    }
    assert len(told) == 1 and len(told.pop().split()) == 3


def test_files_hold_no_date_and_no_program(tmp_path, cohort_recovery):
    save_figure(cohort_incidence(cohort_recovery), tmp_path, "page", data=cohort_recovery)
    assert b"CreationDate" not in (tmp_path / "page.pdf").read_bytes()
    assert b"<dc:date>" not in (tmp_path / "page.svg").read_bytes()
    assert b"Software" not in (tmp_path / "page.png").read_bytes()


def test_names_that_no_file_can_have_are_encoded(tmp_path, cohort_recovery):
    written = save_figure(
        cohort_incidence(cohort_recovery),
        tmp_path,
        "../P/1",
        data=cohort_recovery,
        formats=("png",),
    )
    assert [path.name for path in written] == ["..%2FP%2F1.png", "..%2FP%2F1.csv"]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["..%2FP%2F1.csv", "..%2FP%2F1.png"]


def test_source_data_hold_no_formula(tmp_path, cohort_recovery):
    data = pd.DataFrame({"patient": ["=1+1", "P1"], "day": [-7.0, 0.0]})
    save_figure(cohort_incidence(cohort_recovery), tmp_path, "page", data=data, formats=())
    assert (tmp_path / "page.csv").read_text() == "patient,day\n'=1+1,-7.0\nP1,0.0\n"


def test_importing_figures_does_not_import_matplotlib():
    code = "import sys, immunerecon.figures; sys.exit('matplotlib' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


# Labels of gates


def contrast_on_white(colour):
    """Return the WCAG 2 contrast ratio."""
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in colour]
    return 1.05 / (0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2] + 0.05)


@pytest.mark.parametrize("population", POPULATION_LOOKS)
def test_label_of_every_population_can_be_read(population):
    assert contrast_on_white(POPULATION_LOOKS[population].text_colour) > 4.5


def test_label_hides_neither_events_nor_another_label(ax):
    crowded = [
        picture(name, PolygonGate(("CD3", "CD56"), ((x, 0.4), (x + 0.2, 0.4), (x + 0.1, 0.6))))
        for name, x in (("NK", 0.1), ("T", 0.35), ("B", 0.6))
    ]
    boxes = place_labels(crowded, ["NK\n10 %", "T\n20 %", "B\n30 %"], ax=ax, size=7)
    for first, second in itertools.combinations(boxes, 2):
        assert first.overlap(second) == 0
    for box in boxes:
        assert -0.05 <= box.left < box.right <= 1.05 and -0.05 <= box.bottom < box.top <= 1.05
        events = -0.05 + 20.5 * 1.1 / 96, -0.05 + 70.5 * 1.1 / 96
        assert not (box.left <= events[0] <= box.right and box.bottom <= events[1] <= box.top)


def test_label_stands_in_no_other_gate(ax):
    """Two half planes whose line runs aslant: either label fits into the other's bounding box."""
    upper = PolygonGate(("CD4", "CD8"), ((-0.1, 0.3), (1.1, 0.7), (1.1, 1.1), (-0.1, 1.1)))
    lower = PolygonGate(("CD4", "CD8"), ((-0.1, 0.25), (1.1, 0.65), (1.1, -0.1), (-0.1, -0.1)))
    gates = {"CD8_T": upper, "CD4_T": lower}
    seen = [picture(name, gate) for name, gate in gates.items()]
    boxes = place_labels(seen, ["CD8 T\n34 %", "CD4 T\n60 %"], ax=ax, size=7)
    corners = [
        {"CD4": np.repeat([box.left, box.right], 2), "CD8": np.tile([box.bottom, box.top], 2)}
        for box in boxes
    ]
    assert upper.contains(corners[0]).all() and not lower.contains(corners[0]).any()
    assert lower.contains(corners[1]).all() and not upper.contains(corners[1]).any()


def test_label_of_a_quadrant_stands_inside_it(ax):
    gate = RectangleGate({"CD3": Range(high=0.5), "CD56": Range(low=0.4)})
    (box,) = place_labels([picture(gate=gate)], ["NK\n10 %"], ax=ax, size=7)
    assert box.right <= 0.5 and box.bottom >= 0.4
