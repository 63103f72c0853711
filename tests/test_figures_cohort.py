"""Figures of a cohort: swimmers, heat maps, waterfalls and median courses show what tables say."""

import hashlib
import itertools
import math

import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest
from matplotlib.collections import QuadMesh
from matplotlib.colors import to_hex
from matplotlib.figure import Figure

from immunerecon.errors import StudyError
from immunerecon.figures.cohort_pages import (
    fold_heatmaps,
    heatmap_data,
    median_courses,
    median_data,
)
from immunerecon.figures.heatmap import FOLD_COLOURS, FOLD_NORM, draw_fold_heatmap, fold_rows
from immunerecon.figures.medians import draw_median_course
from immunerecon.figures.outcome_pages import expansion_data, expansion_page, swimmer_page
from immunerecon.figures.saving import render_figure
from immunerecon.figures.style import STYLES, figure_style, points
from immunerecon.figures.swimmer import draw_swimmer, swimmer_key
from immunerecon.figures.swimmer_rows import swimmer_rows
from immunerecon.figures.waterfall import VERDICTS, draw_expansion_waterfall, waterfall_rows
from immunerecon.trial.expansion import expansion_table
from immunerecon.trial.peak_expansion import peak_table
from immunerecon.trial.visit_counts import follow_up_ends, visit_counts, visit_medians

pytestmark = pytest.mark.filterwarnings("error")

RANGES = pd.DataFrame({"population": ["NK", "T"], "low": [61.0, 723], "high": [607.0, 2271]})


@pytest.fixture
def ax():
    return Figure().add_subplot()


@pytest.fixture
def patients():
    return pd.DataFrame({"patient": ["P1", "P2", "P3", "P4"], "dose_level": [2, 1, 1, 2]})


@pytest.fixture
def events():
    rows = [
        ("P1", 0.0, "infusion", ""),
        ("P1", 42.0, "response", "PR"),
        ("P1", 400.0, "last_follow_up", ""),
        ("P2", 0.0, "infusion", ""),
        ("P2", 55.0, "response", "PD"),
        ("P2", 55.0, "progression", ""),
        ("P2", 111.0, "death", ""),
        ("P3", 0.0, "infusion", ""),
        ("P3", 60.0, "infusion", ""),
        ("P3", 4.0, "adverse_event", ""),
        ("P3", 300.0, "last_follow_up", ""),
        ("P4", 0.0, "infusion", ""),
    ]
    return pd.DataFrame(rows, columns=["patient", "day", "event", "value"])


@pytest.fixture
def persistence():
    rows = [
        ("P1", 0.0, 28.0, 60.0, "lost"),
        ("P2", 0.0, math.nan, math.nan, "never_detected"),
        ("P3", 0.0, 14.0, 28.0, "lost"),
        ("P3", 60.0, 30.0, math.nan, "persisting"),
        ("P4", 0.0, math.nan, math.nan, "not_evaluable"),
    ]
    times = ["infusion_day", "t_last_detected", "t_first_undetected"]
    table = pd.DataFrame(rows, columns=["patient", *times, "persistence_status"])
    own = table.assign(population="NK", measure="fraction")
    other = own.assign(population="T", t_last_detected=200.0)
    return pd.concat([own, own.assign(measure="cells_per_ul"), other], ignore_index=True)


@pytest.fixture
def recovery():
    rows = [
        ("P1", "recovered", 90.0, 180.0),
        ("P2", "died_first", 90.0, math.inf),
        ("P3", "never_below", math.nan, math.nan),
        ("P4", "not_recovered", 20.0, math.inf),
    ]
    table = pd.DataFrame(rows, columns=["patient", "status", "time_low", "time_high"])
    return table.assign(population="CD4_T", threshold=200.0)


@pytest.fixture
def populations():
    """NK of four patients on days -7, 0, 14 and 28, with every way of having no number."""
    counts = {
        "P1": {-7: 122.0, 0: 20, 14: 61, 28: 244},
        "P2": {-7: 300.0, 0: 0, 14: np.nan},
        "P3": {-7: 200.0, 0: 10, 28: 100},
        "P4": {-7: 400.0, 0: 0, 14: 30, 28: 6.1},
    }
    rows = [
        (patient, float(day), cells, cells * 0.8, cells * 1.25 if cells else 4.0)
        for patient, course in counts.items()
        for day, cells in course.items()
    ]
    numbers = ["cells_per_ul", "cells_per_ul_low", "cells_per_ul_high"]
    table = pd.DataFrame(rows, columns=["patient", "day", *numbers])
    return table.assign(population="NK", role="draw")


@pytest.fixture
def donor_cells():
    rows = [
        ("P1", 7.0, "detected", 300.0, 260.0, 340.0),
        ("P1", 14.0, "detected", 150.0, 120.0, 180.0),
        ("P2", 14.0, "detected_below_loq", 20.0, 10.0, 35.0),
        ("P2", 28.0, "detected", 95.0, 80.0, 115.0),
        ("P3", 14.0, "not_detected", 0.0, 0.0, 3.0),
        ("P3", 28.0, "not_detected", 0.0, 0.0, 5.0),
        ("P4", 14.0, "not_evaluable", math.nan, math.nan, math.nan),
    ]
    numbers = ["donor_cells_per_ul", "donor_cells_per_ul_low", "donor_cells_per_ul_high"]
    table = pd.DataFrame(rows, columns=["patient", "day", "call", *numbers])
    return table.assign(population="NK", reason="")


def markers(ax, marker):
    """Points drawn with a marker, as (x, y) pairs."""
    return [
        (float(x), float(y))
        for line in ax.lines
        if line.get_marker() == marker
        for x, y in zip(line.get_xdata(), line.get_ydata(), strict=True)
    ]


def words(ax):
    return [text.get_text() for text in ax.texts]


# Swimmers


def test_lanes_are_ordered_by_dose_level_and_follow_up(ax, patients, events, persistence, recovery):
    draw_swimmer(patients, events, persistence, recovery, ax=ax)
    names = {
        label.get_text(): y for y, label in zip(ax.get_yticks(), ax.get_yticklabels(), strict=True)
    }
    assert names == {"P3": 0, "P2": -1, "P1": -2, "P4": -3}
    assert [text for text in words(ax) if text.startswith("dose")] == [
        "dose level 1",
        "dose level 2",
    ]


def test_bars_are_the_intervals_of_the_tables(ax, patients, events, persistence, recovery):
    draw_swimmer(patients, events, persistence, recovery, ax=ax)
    bars = [
        (round(-bar.get_y() - bar.get_height() / 2), bar.get_x(), bar.get_x() + bar.get_width())
        for bar in ax.patches
    ]
    followed, detected, lost = bars[:4], bars[4:7], bars[7:]
    assert followed == [(0, 0, 300), (1, 0, 111), (2, 0, 400), (3, 0, 0)]
    assert detected == [(0, 0, 14), (0, 60, 90), (2, 0, 28)]  # the second course from its infusion
    assert lost == [(0, 14, 28), (2, 28, 60)]
    assert all(bar.get_hatch() and not bar.get_fill() for bar in ax.patches[7:])


def test_every_event_has_its_own_shape_on_its_day(ax, patients, events, persistence, recovery):
    draw_swimmer(patients, events, persistence, recovery, ax=ax)
    assert sorted(x for x, _ in markers(ax, "x")) == [55]
    assert [x for x, _ in markers(ax, "P")] == [111]
    assert [x for x, _ in markers(ax, "s")] == [55]  # PD
    assert [x for x, _ in markers(ax, "D")] == [42]  # PR
    assert sorted(x for x, _ in markers(ax, ">")) == [90, 300, 400]  # still there; follow-up
    # Infusions, the recovered patient's first draw above, and who was never below.
    assert sorted(x for x, _ in markers(ax, "^")) == [0, 0, 0, 0, 0, 60, 180]
    segments = [path.vertices.tolist() for c in ax.collections for path in c.get_paths()]
    assert [[x for x, _ in segment] for segment in segments] == [[90, 180]]


def test_lane_without_donor_cells_says_why(ax, patients, events, persistence, recovery):
    draw_swimmer(patients, events, persistence, recovery, ax=ax)
    told = {round(-text.xy[1]): text.get_text() for text in ax.texts if hasattr(text, "xy")}
    assert told == {1: "donor NK never detected", 3: "donor NK not evaluable"}


def test_key_explains_what_is_shown_and_nothing_else(patients, events, persistence, recovery):
    rows = swimmer_rows(patients, events, persistence, recovery)
    labels = [artist.get_label() for artist in swimmer_key(rows)]
    assert "CD4 T ≥ 200 per µL, from the last draw below" in labels
    assert "death" in labels and "DLT" not in labels and "CR" not in labels


def test_swimmer_of_nobody_says_so(ax, patients, events, persistence, recovery):
    none = (patients[:0], events[:0], persistence[:0], recovery[:0])
    draw_swimmer(*none, ax=ax)
    assert words(ax) == ["no patient"]


def test_swimmer_of_a_stranger_is_refused(ax, patients, events, persistence, recovery):
    with pytest.raises(StudyError, match="P2"):
        draw_swimmer(patients[:1], events, persistence, recovery, ax=ax)


# Visits and medians


def test_draw_of_a_visit_is_the_nearest_to_its_day_that_has_a_number():
    draws = pd.DataFrame(
        {
            "patient": ["P1", "P1", "P2", "P3", "P3"],
            "day": [12.0, 16, 14, 13, 14],
            "population": "NK",
            "cells_per_ul": [1.0, 2, 3, 4, np.nan],
            "cells_per_ul_low": 0.5,
            "cells_per_ul_high": 9.0,
        }
    )
    chosen = visit_counts(draws).set_index("patient")
    assert chosen["visit_day"].unique().tolist() == [14.0]
    assert chosen["day"].to_dict() == {"P1": 12.0, "P2": 14.0, "P3": 13.0}


def test_controls_and_products_are_no_visits(populations):
    product = populations[:1].assign(role="product", day=1.0)
    assert set(visit_counts(pd.concat([populations, product]))["visit"]) == {
        "before",
        "day 0",
        "day 14",
        "day 28",
    }


def test_medians_count_who_was_there(populations, events):
    ends = follow_up_ends(populations, events)
    assert ends.to_dict() == {"P1": 400, "P2": 111, "P3": 300, "P4": 28}
    medians = visit_medians(visit_counts(populations), ends).set_index("visit")
    assert medians["n_followed"].tolist() == [4, 4, 4, 4]
    assert medians["n_drawn"].tolist() == [4, 4, 3, 3]
    assert medians["n_counted"].tolist() == [4, 4, 2, 3]
    assert medians.loc["before", ["median_low", "median_high"]].tolist() == [250, 250]
    # As R: quantile(c(122, 200, 300, 400), c(0.25, 0.75)) is 180.5 and 325.
    assert medians.loc["before", ["quartile_low", "quartile_high"]].tolist() == [180.5, 325]
    assert medians.loc["day 14", ["median_low", "median_high"]].isna().all()
    assert medians.loc["day 28", "median_low"] == 100
    assert medians.loc["day 28", ["quartile_low", "quartile_high"]].isna().all()


def test_median_of_draws_without_a_cell_is_bounded_not_zero(populations, events):
    ends = follow_up_ends(populations, events)
    row = visit_medians(visit_counts(populations), ends).set_index("visit").loc["day 0"]
    assert row["n_none_found"] == 2
    assert (row["median_low"], row["median_high"]) == (5.0, 7.0)  # (0 + 10) / 2, (4 + 10) / 2


def test_who_died_is_no_longer_followed():
    counts = pd.DataFrame(
        {
            "patient": ["P1"],
            "population": "NK",
            "visit": "month 3",
            "visit_day": 90.0,
            "cells_per_ul": [50.0],
            "cells_per_ul_high": [60.0],
        }
    )
    ends = pd.Series({"P1": 90.0, "P2": 74.0, "P3": 80.0})
    assert visit_medians(counts, ends)["n_followed"].tolist() == [2]


def test_median_course_draws_the_medians_and_says_of_how_many(ax, populations, events):
    draw_median_course(populations, population="NK", ax=ax, clinical_events=events)
    (line,) = (line for line in ax.lines if line.get_linewidth() == points(1.3))
    assert line.get_xdata().tolist() == [-7, 0, 14, 28]
    assert line.get_ydata()[[0, 3]].tolist() == [250, 100]
    assert np.isnan(line.get_ydata()[[1, 2]]).all()  # a bound, and too few
    assert (0.0, 7.0) in markers(ax, "v")
    assert words(ax) == ["4", "4", "2", "3", "Counted  ", "4", "4", "4", "4", "Followed  "]


def test_course_of_a_patient_breaks_where_no_cell_was_seen(ax, populations):
    draw_median_course(populations, population="NK", ax=ax)
    thin = [line for line in ax.lines if line.get_linewidth() == points(0.5)]
    assert len(thin) == 4
    assert np.isnan(thin[1].get_ydata()[1]) and np.isnan(thin[3].get_ydata()[1])
    assert markers(ax, "v").count((0.0, 4.0)) == 2  # at the upper limit, never at 0


def test_numbers_of_neighbouring_visits_never_touch():
    draws = [(f"P{n}", float(day)) for n in range(12) for day in (-7, 0, 1, 3, 7, 14, 730)]
    table = pd.DataFrame(draws, columns=["patient", "day"]).assign(
        population="NK", cells_per_ul=10.0, cells_per_ul_low=8.0, cells_per_ul_high=12.0
    )
    figure = median_courses(table, RANGES)
    render_figure(figure, "png", dpi=100)
    boxes = [text.get_window_extent() for text in figure.axes[0].texts if text.get_text() == "12"][
        :7
    ]
    assert all(left.x1 < right.x0 for left, right in itertools.pairwise(boxes))


@pytest.mark.parametrize(
    ("change", "reason"), [(lambda t: t[:0], "no draw"), (None, "no cells per µL")]
)
def test_median_course_of_nothing_says_so(ax, populations, change, reason):
    table = change(populations) if change else populations.assign(cells_per_ul=np.nan)
    draw_median_course(table, population="NK", ax=ax)
    assert reason in words(ax)


# Heat maps


def test_heatmap_shows_fold_of_the_lower_limit(ax, populations, events):
    draw_fold_heatmap(populations, RANGES, population="NK", ax=ax, clinical_events=events)
    (mesh,) = (c for c in ax.collections if isinstance(c, QuadMesh))
    shown = mesh.get_array()
    assert shown.shape == (4, 4)
    assert shown[0].tolist() == pytest.approx(np.log10([2, 20 / 61, 1, 4]))
    assert shown[3, 3] == pytest.approx(-1)
    assert shown[1, 1] == pytest.approx(np.log10(4 / 61))  # none seen: its upper limit
    assert np.argwhere(shown.mask).tolist() == [[1, 2], [1, 3], [2, 2]]
    assert to_hex(FOLD_COLOURS(FOLD_NORM(0.0))) in ("#ffffff", "#fefefe", "#fffefe", "#fffffe")


def test_heatmap_writes_counts_bold_from_the_limit_up(ax, populations, events):
    draw_fold_heatmap(populations, RANGES, population="NK", ax=ax, clinical_events=events)
    written = {(text.get_text(), text.get_fontweight()) for text in ax.texts}
    assert {("122", "bold"), ("61", "bold"), ("20", "normal"), ("<4", "normal")} <= written
    assert len(ax.texts) == 13


def test_heatmap_tells_missed_draws_from_draws_without_a_number(ax, populations, events):
    draw_fold_heatmap(populations, RANGES, population="NK", ax=ax, clinical_events=events)
    hatched = [(int(patch.get_x()), int(patch.get_y())) for patch in ax.patches]
    assert hatched == [(2, 1), (3, 1), (2, 2)]
    assert markers(ax, "x") == [(2.5, 1.5)]


def test_heatmap_leaves_empty_what_comes_after_follow_up(ax, populations):
    dead = pd.DataFrame({"patient": ["P2"], "day": [20.0], "event": ["death"]})
    states = fold_rows(populations, RANGES, "NK", dead).set_index(["patient", "visit"])["state"]
    assert states["P2", "day 14"] == "drawn, no number"
    assert states["P2", "day 28"] == "follow-up ended"
    assert states["P3", "day 14"] == "no draw"
    draw_fold_heatmap(populations, RANGES, population="NK", ax=ax, clinical_events=dead)
    assert len(ax.patches) == 2


def test_heatmap_columns_are_the_days_drawn(ax, populations):
    draw_fold_heatmap(populations, RANGES, population="NK", ax=ax)
    assert [label.get_text() for label in ax.get_xticklabels()] == ["−7", "0", "14", "28"]
    assert [label.get_text() for label in ax.get_yticklabels()] == ["P1", "P2", "P3", "P4"]
    assert ax.get_title("right") == "lower limit 61 per µL"


def test_lines_of_a_heatmap_are_in_the_order_of_the_table(ax, populations):
    renamed = populations.replace({"patient": {"P1": "9", "P2": "10", "P3": "11", "P4": "12"}})
    draw_fold_heatmap(renamed, RANGES, population="NK", ax=ax)
    assert [label.get_text() for label in ax.get_yticklabels()] == ["9", "10", "11", "12"]


def test_heatmap_writes_no_limit_that_is_not_known(ax, populations):
    draw_fold_heatmap(populations.assign(cells_per_ul_high=np.nan), RANGES, population="NK", ax=ax)
    assert not [text for text in words(ax) if "<" in text]
    assert len(markers(ax, "x")) == 3  # drawn, but no number


@pytest.mark.parametrize(
    ("rows", "population", "reason"), [(0, "NK", "no draw"), (99, "B", "no reference range")]
)
def test_heatmap_of_nothing_says_so(ax, populations, rows, population, reason):
    draw_fold_heatmap(populations[:rows], RANGES, population=population, ax=ax)
    assert words(ax) == [reason]


def test_heatmap_of_draws_without_any_number_is_all_hatched(ax, populations):
    uncounted = populations.assign(cells_per_ul=np.nan)
    draw_fold_heatmap(uncounted, RANGES, population="NK", ax=ax)
    assert len(markers(ax, "x")) == 14
    assert not ax.texts


# Waterfalls


def test_waterfall_falls_from_left_to_right(ax, donor_cells, patients):
    table = expansion_table(donor_cells)
    draw_expansion_waterfall(table, ax=ax, patients=patients)
    labels = [label.get_text() for label in ax.get_xticklabels()]
    assert labels == ["P1\n2", "P2\n1", "P3\n1", "P4\n2"]
    assert markers(ax, "o") == [(0, 150), (1, 20)]
    assert markers(ax, "v") == [(2, 3)]  # its upper limit, never 0
    assert [x for x, _ in markers(ax, "x")] == [3]
    bars = [(bar.get_y(), bar.get_y() + bar.get_height()) for bar in ax.patches]
    assert bars == [(100, 150), (100, 20)]
    whiskers = [path.vertices[:, 1].tolist() for c in ax.collections for path in c.get_paths()]
    assert whiskers == [[120, 180], [10, 35]]


def test_waterfall_colours_tell_the_verdict(ax, donor_cells, patients):
    draw_expansion_waterfall(peak_table(donor_cells), ax=ax, patients=patients, rule="peak")
    faces = {
        float(line.get_xdata()[0]): (line.get_color(), line.get_fillstyle())
        for line in ax.lines
        if line.get_marker() == "o"
    }
    assert faces == {
        0: (VERDICTS["met"].colour, "full"),
        1: (VERDICTS["uncertain"].colour, "left"),
    }


def test_peak_is_the_highest_draw_and_of_limits_the_highest(donor_cells):
    peaks = peak_table(donor_cells).set_index("patient")
    assert peaks["verdict"].to_dict() == {
        "P1": "met",
        "P2": "uncertain",
        "P3": "not_met",
        "P4": "not_evaluable",
    }
    assert peaks.loc["P1", ["day", "cells_per_ul", "low", "high"]].tolist() == [7, 300, 260, 340]
    assert peaks.loc["P3", ["day", "cells_per_ul", "low", "high"]].tolist() == [28, 0, 0, 5]
    assert math.isnan(peaks.loc["P4", "cells_per_ul"])


def test_patient_without_any_draw_is_not_left_out(donor_cells):
    peaks = peak_table(donor_cells, patients=["P1", "P5"]).set_index("patient")
    assert peaks["verdict"].to_dict() == {"P1": "met", "P5": "not_evaluable"}


def test_a_limit_stands_behind_every_detected_patient(donor_cells, patients):
    weak = donor_cells[donor_cells["patient"].isin(["P2", "P3"])]
    weak = weak[weak["day"] == 14].assign(
        donor_cells_per_ul=[1.0, 0.0], donor_cells_per_ul_high=[2.0, 30.0]
    )
    rows = waterfall_rows(peak_table(weak), "peak", patients)
    assert rows["patient"].tolist() == ["P2", "P3"]


@pytest.mark.parametrize(("keep", "reason"), [(0, "no patient"), (1, "no patient is evaluable")])
def test_waterfall_of_nothing_says_so(ax, donor_cells, patients, keep, reason):
    table = expansion_table(donor_cells[donor_cells["patient"] == "P4"][:keep])
    draw_expansion_waterfall(table, ax=ax, patients=patients)
    assert reason in words(ax)


# Pages


@pytest.fixture
def pages(patients, events, persistence, recovery, populations, donor_cells):
    """Makers of each page, from tables cut to some patients."""
    expansion = expansion_table(donor_cells)

    def make(keep):
        def own(table):
            return table[table["patient"].isin(keep)]

        return {
            "swimmer": lambda **style: swimmer_page(
                own(patients), own(events), own(persistence), own(recovery), **style
            ),
            "heat": lambda **style: fold_heatmaps(
                own(populations), RANGES, clinical_events=own(events), **style
            ),
            "expansion": lambda **style: expansion_page(
                own(expansion), own(donor_cells), own(patients), **style
            ),
            "medians": lambda **style: median_courses(
                own(populations), RANGES, clinical_events=own(events), **style
            ),
        }

    return make


PAGES = ("swimmer", "heat", "expansion", "medians")


@pytest.mark.parametrize("page", PAGES)
@pytest.mark.parametrize("keep", [("P1", "P2", "P3", "P4"), ("P3",), ("P4",), ()])
def test_page_of_any_number_of_patients_is_exactly_two_columns_wide(pages, page, keep):
    figure = pages(keep)[page]()
    assert render_figure(figure, "png", dpi=40)
    assert figure.get_figwidth() * 25.4 == pytest.approx(183)


@pytest.mark.parametrize("page", PAGES)
def test_page_is_the_same_bytes_when_drawn_again(pages, page):
    makers = pages(("P1", "P2", "P3", "P4"))
    first, second = (
        hashlib.sha256(render_figure(makers[page](), "svg")).hexdigest() for _ in range(2)
    )
    assert first == second


@pytest.mark.parametrize("page", PAGES)
@pytest.mark.parametrize("style", STYLES)
def test_nothing_leaves_the_page_and_no_legend_hides_a_panel(pages, page, style):
    figure = pages(("P1", "P2", "P3", "P4"))[page](style=style)
    render_figure(figure, "png", dpi=100)
    for ax in figure.axes:
        box = ax.get_tightbbox()
        assert box.x0 >= figure.bbox.x0 - 1 and box.x1 <= figure.bbox.x1 + 1
        assert box.y0 >= figure.bbox.y0 - 1 and box.y1 <= figure.bbox.y1 + 1
        assert not figure.legends[0].get_window_extent().overlaps(box)
    assert figure.legends[0].get_window_extent().x1 <= figure.bbox.x1 + 1


def test_source_data_are_what_is_drawn(populations, donor_cells, patients, events):
    cells = heatmap_data(populations, RANGES, events)
    assert len(cells) == 16 and set(cells["population"]) == {"NK"}
    medians = median_data(populations, events)
    assert medians["shown"].value_counts().to_dict() == {"patient": 14, "median": 4}
    both = expansion_data(expansion_table(donor_cells), donor_cells, patients)
    assert both["rule"].value_counts().to_dict() == {"expansion (Geller 2011)": 4, "peak": 4}


def test_a_limit_above_the_reference_range_has_no_colour(ax, populations):
    vague = populations.assign(
        cells_per_ul_high=populations["cells_per_ul_high"].mask(
            populations["cells_per_ul"] == 0, 9000.0
        )
    )
    draw_fold_heatmap(vague, RANGES, population="NK", ax=ax)
    (mesh,) = (c for c in ax.collections if isinstance(c, QuadMesh))
    assert mesh.get_array()[1, 1] == 0  # white, as at the limit itself
    assert "<9000" in words(ax)


def test_lines_of_a_poster_are_as_much_wider_as_its_print():
    assert points(1.0) == pytest.approx(mpl.rcParams["lines.linewidth"] / 0.9)
    with figure_style("poster"):
        assert points(0.9) == pytest.approx(STYLES["poster"].line_pt)
