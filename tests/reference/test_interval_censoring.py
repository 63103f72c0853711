"""Turnbull's estimate against R's Icens (EMICM) on the breast cosmesis data."""

from pathlib import Path

import pandas as pd
import pytest

from immunerecon.kinetics.estimators.interval_censoring import turnbull

RAD = {
    (4, 5): 0.046347,
    (6, 7): 0.033363,
    (7, 8): 0.088667,
    (11, 12): 0.070753,
    (24, 25): 0.092646,
    (33, 34): 0.081786,
    (38, 40): 0.120880,
    (46, 48): 0.465558,
}
RAD_CHEM = {
    (4, 5): 0.043283,
    (5, 8): 0.043283,
    (11, 12): 0.069206,
    (16, 17): 0.145398,
    (18, 19): 0.141095,
    (19, 20): 0.115746,
    (24, 25): 0.099865,
    (30, 31): 0.070881,
    (35, 36): 0.160831,
    (44, 48): 0.055206,
    (48, 60): 0.055206,
}


@pytest.mark.parametrize(("treatment", "expected"), [("Rad", RAD), ("RadChem", RAD_CHEM)])
def test_cosmesis(treatment: str, expected: dict[tuple[int, int], float]) -> None:
    table = pd.read_csv(Path(__file__).parent / "r" / "bcos.csv").query("treatment == @treatment")
    found = turnbull(table.left.to_numpy(float), table.right.to_numpy(float))
    masses = dict(zip(zip(found.left, found.right, strict=True), found.mass, strict=True))
    assert masses == pytest.approx(expected, abs=5e-7)
