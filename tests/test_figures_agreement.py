"""Plots of agreement show the tables' own numbers."""

import pandas as pd
import pytest
from matplotlib.colors import to_hex
from matplotlib.figure import Figure

from immunerecon.figures.agreement import (
    agreement_page,
    agreement_rows,
    draw_bland_altman,
    draw_deming,
)
from immunerecon.trial.chimerism import agreement_table, pair_chimerism


@pytest.fixture(scope="module")
def pairs() -> pd.DataFrame:
    patients = ["P1", "P1", "P2", "P2", "P3", "P4"]
    typed = pd.DataFrame(
        {
            "patient": patients,
            "day": [7, 14, 7, 14, 7, 90],
            "population": "NK",
            "donor_percent": [80.0, 60, 40, 2, 30, 5],
            "method": "STR",
        }
    )
    flow = pd.DataFrame({"patient": patients[:5], "day": [7, 14, 7, 14, 7], "population": "NK"})
    fraction = pd.Series([0.78, 0.63, 0.41, 0.01, 0.50])  # the last is far from 30 %
    flow = flow.assign(
        donor_fraction=fraction,
        fraction_low=fraction - 0.02,
        fraction_high=fraction + 0.02,
        lod=0.001,
        call="detected",
    )
    return pair_chimerism(typed, flow)


def test_results_without_a_draw_are_not_drawn(pairs: pd.DataFrame) -> None:
    assert len(pairs) == 6
    assert agreement_rows(pairs, "STR", "NK")["patient"].tolist() == ["P1", "P1", "P2", "P2", "P3"]


def test_differences_and_limits_stand_where_the_table_has_them(pairs: pd.DataFrame) -> None:
    table = agreement_table(pairs)
    ax = draw_bland_altman(pairs, table, method="STR", population="NK", ax=Figure().add_subplot())
    drawn = {float(line.get_ydata()[0]) for line in ax.lines if len(line.get_xdata()) == 2}
    told = table.iloc[0]
    assert drawn >= {told["bias"], told["limits_low"], told["limits_high"]}
    apart = [line for line in ax.lines if to_hex(line.get_color()) == "#d55e00"]
    assert apart[0].get_xdata().tolist() == [40.0] and apart[0].get_ydata().tolist() == [20.0]
    low, high = ax.get_ylim()
    assert low <= told["lower_limit_low"] and high >= told["upper_limit_high"]


def test_demings_line_is_drawn_with_its_slope(pairs: pd.DataFrame) -> None:
    table = agreement_table(pairs)
    ax = draw_deming(pairs, table, method="STR", population="NK", ax=Figure().add_subplot())
    told = table.iloc[0]
    ends = [told["intercept"], told["intercept"] + 100 * told["slope"]]
    assert any(line.get_ydata().tolist() == pytest.approx(ends) for line in ax.lines)
    assert ax.get_title(loc="right").startswith(f"slope {told['slope']:.2f} (")


def test_too_few_patients_leave_points_without_lines(pairs: pd.DataFrame) -> None:
    few = pairs[pairs["patient"] == "P1"]
    table = agreement_table(few)
    ax = draw_deming(few, table, method="STR", population="NK", ax=Figure().add_subplot())
    assert "3 patients" in ax.get_title(loc="right")
    assert len(agreement_page(few, table).axes) == 2
