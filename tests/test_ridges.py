"""The ridge plot says what the tables say."""

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from immunerecon.cytometry.transforms import Logicle
from immunerecon.figures.ridges import donor_ridges, draw_donor_ridges, ridge_rows


def bins(file: str, tube: str, day: float, donor: float) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "file": file,
            "patient": "P1",
            "population": "NK",
            "day": day,
            "tube": tube,
            "marker": "HLA-A2+",
            "value": [0.1, 0.3, 0.5, 0.7],
            "observed": [50.0, 50.0, donor, donor],
            "recipient": [50.0, 50.0, 0.0, 0.0],
            "donor": [0.0, 0.0, donor, donor],
        }
    )


DISTRIBUTIONS = pd.concat(
    [
        bins("d14.fcs", "draw", 14.0, 100.0),
        bins("d7.fcs", "draw", 7.0, 0.0),
        bins("donor.fcs", "donor control", -14.0, 900.0),
        bins("before.fcs", "recipient control", -7.0, 0.0),
    ]
)
CALLS = pd.DataFrame(
    {
        "patient": "P1",
        "file": ["d7.fcs", "d10.fcs", "d14.fcs"],
        "day": [7.0, 10.0, 14.0],
        "population": "NK",
        "call": ["not_detected", "not_evaluable", "detected"],
        "donor_fraction": [0.0, np.nan, 2 / 3],
        "fraction_low": [0.0, np.nan, 0.61],
        "fraction_high": [0.011, np.nan, 0.72],
        "lod": [0.012, np.nan, 0.01],
        "total_events": [300, 4, 300],
        "reason": ["", "too few parents: 4, at least 10 needed", ""],
    }
)


def test_controls_come_first_and_draws_by_day() -> None:
    rows = ridge_rows(DISTRIBUTIONS, "P1", "NK")
    assert list(dict.fromkeys(rows["file"])) == ["before.fcs", "donor.fcs", "d7.fcs", "d14.fcs"]


def test_each_draw_bears_its_share_or_its_limit() -> None:
    ax = Figure().add_subplot()
    draw_donor_ridges(DISTRIBUTIONS, CALLS, patient="P1", ax=ax, scale=Logicle(262144, 0.5))
    told = [text.get_text() for text in ax.texts]
    shares = told[told.index("Day 7") :]
    assert shares[:2] == ["Day 7", "< 1.2 %"]
    assert shares[2:4] == ["Day 10", "too few cells (4)"]
    assert shares[4:6] == ["Day 14", "66.7 % (61–72)"]
    assert ax.get_xlabel() == "HLA-A2+"


def test_each_control_says_whose_cells_it_shows() -> None:
    ax = Figure().add_subplot()
    draw_donor_ridges(DISTRIBUTIONS, CALLS, patient="P1", ax=ax)
    told = {text.get_text(): text for text in ax.texts}
    # In the half that the peak leaves free: the patient's peak lies left, the donor's right.
    assert told["patient's cells"].get_position() == (0.97, 0.45)
    assert told["donor's cells"].get_position() == (0.03, -0.55)


def test_the_page_leaves_out_populations_without_an_estimate() -> None:
    page = donor_ridges(DISTRIBUTIONS, CALLS, patient="P1")
    assert [ax.get_title(loc="left") for ax in page.axes] == ["P1 NK"]
