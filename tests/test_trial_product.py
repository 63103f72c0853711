"""The infused product against the protocol's limits."""

import math

import pandas as pd
import pytest

from immunerecon.errors import StudyError
from immunerecon.trial.depletion import counted_cells, log10_depletion
from immunerecon.trial.product import product_table, release_table
from immunerecon.trial.protocol import load_protocol

PROTOCOL = load_protocol("nct00846833")


def _tube(**counts: tuple[int, int]) -> pd.DataFrame:
    """Return the populations of one product tube: (count, parent's count) of each."""
    rows = [(name, *pair) for name, pair in counts.items()]
    table = pd.DataFrame(rows, columns=["population", "count", "parent_count"])
    return table.assign(file="product.fcs", patient="P1", role="product")


def _product(tube: pd.DataFrame, **patient: float) -> pd.DataFrame:
    patients = pd.DataFrame([{"patient": "P1", **patient}])
    return product_table(tube, patients, PROTOCOL).set_index(["measure", "source"])


GOOD = _tube(Live=(9000, 10_000), Leukocytes=(8000, 9000), NK=(3200, 7000), T=(8, 7000))


def test_purity_viability_and_residual_t_cells() -> None:
    table = _product(GOOD, nk_cells_per_kg=2e7, cd3_cells_per_kg=4e4, weight_kg=60)
    assert table.loc[("nk_purity_percent", "tube"), "value"] == 40
    assert table.loc[("t_cells_percent", "tube"), "value"] == pytest.approx(0.1)
    assert table.loc[("viability_percent", "tube"), "value"] == 90
    assert table.loc[("cd3_cells_per_kg", "tube"), "value"] == pytest.approx(2e7 * 8 / 3200)
    assert table.loc[("nk_cells", "patients"), "value"] == pytest.approx(1.2e9)


def test_a_dose_interval_is_that_of_a_ratio_of_poisson_counts() -> None:
    """8 and 3200 events: conditional on their sum, 8 of 3208 is binomial."""
    from scipy.stats import binomtest

    row = _product(GOOD, nk_cells_per_kg=2e7).loc[("cd3_cells_per_kg", "tube")]
    exact = binomtest(8, 3208).proportion_ci(0.95, "exact")
    assert row["low"] == pytest.approx(2e7 * exact.low / (1 - exact.low), rel=1e-6)
    assert row["high"] == pytest.approx(2e7 * exact.high / (1 - exact.high), rel=1e-6)


@pytest.mark.parametrize(
    ("t_cells", "said"), [(0, "met"), (8, "met"), (30, "uncertain"), (60, "not_met")]
)
def test_the_cap_of_200_000_t_cells_per_kg(t_cells: int, said: str) -> None:
    tube = _tube(Live=(9000, 10_000), NK=(3200, 7000), T=(t_cells, 7000))
    table = _product(tube, nk_cells_per_kg=2e7)
    assert table.loc[("cd3_cells_per_kg", "tube"), "verdict"] == said
    assert "cd3_cells_per_kg <= 200000" in table.loc[("cd3_cells_per_kg", "tube"), "limit"]


def test_few_events_leave_the_cap_uncertain_although_none_was_found() -> None:
    tube = _tube(Live=(90, 100), NK=(60, 80), T=(0, 80))
    row = _product(tube, nk_cells_per_kg=2e7).loc[("cd3_cells_per_kg", "tube")]
    assert (row["value"], row["verdict"]) == (0, "uncertain")


def test_release_names_what_failed_and_what_is_open() -> None:
    def release(tube: pd.DataFrame, **patient: float) -> tuple[str, ...]:
        patients = pd.DataFrame([{"patient": "P1", **patient}])
        table = product_table(tube, patients, PROTOCOL)
        return tuple(release_table(table, PROTOCOL).iloc[0])[1:]

    dose = {"nk_cells_per_kg": 2e7, "cd3_cells_per_kg": 4e4}
    assert release(GOOD, **dose) == ("released", "", "")
    assert release(GOOD, **dose | {"cd3_cells_per_kg": 3e5})[:2] == (
        "not_released",
        "cd3_cells_per_kg",
    )
    dying = _tube(Live=(6000, 10_000), NK=(3200, 7000), T=(8, 7000))
    assert release(dying, **dose)[:2] == ("not_released", "viability_percent")
    unstained = _tube(Leukocytes=(8000, 9000), NK=(3200, 7000), T=(8, 7000))
    assert release(unstained, **dose) == ("incomplete", "", "viability_percent")
    assert release(GOOD.iloc[:0], **dose) == ("incomplete", "", "viability_percent")


def test_without_a_tube_or_dose_there_is_a_reason() -> None:
    table = _product(GOOD.iloc[:0])
    assert table.loc[("nk_purity_percent", "tube"), "reason"] == "no product tube"
    assert "not in the table" in table.loc[("nk_cells_per_kg", "patients"), "reason"]
    assert (table["value"].isna() == (table["reason"] != "")).all()


def test_draws_are_no_product() -> None:
    table = _product(GOOD.assign(role="draw"))
    assert set(table.loc[(slice(None), "tube"), "reason"]) == {"no product tube"}
    with pytest.raises(StudyError, match="column role"):
        _product(GOOD.drop(columns="role"))


def test_depletion_is_of_absolute_numbers() -> None:
    """4.7e9 T cells at 20 % of 2.35e10 leave 4.7e6, 0.1 % of 4.7e9: 3.0 logs; by percent, 2.3."""
    start, end = counted_cells(20_000, 2.35e5), counted_cells(47, 1e5)
    value, low, high = log10_depletion(start, end)
    assert value == pytest.approx(3.0)
    assert low < 3.0 < high
    assert high - low == pytest.approx(2 * 1.96 / math.log(10) / math.sqrt(47), rel=0.05)


def test_depletion_without_a_t_cell_left_has_a_lower_bound() -> None:
    start = counted_cells(10_000, 1e5)
    value, low, high = log10_depletion(start, counted_cells(0, 1e4))
    assert (value, high) == (math.inf, math.inf)
    assert low == pytest.approx(math.log10(start[1] / 3.6888795e4))


def test_depletion_of_the_product_needs_the_start() -> None:
    table = _product(GOOD, nk_cells_per_kg=2e7, cd3_cells_per_kg_start=5e7)
    assert table.loc[("log10_t_depletion", "tube"), "value"] == pytest.approx(3.0)
    assert math.isnan(
        _product(GOOD, nk_cells_per_kg=2e7).loc[("log10_t_depletion", "tube"), "value"]
    )
