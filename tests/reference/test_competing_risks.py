"""Competing risks and survival against R's cmprsk and survival."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from immunerecon.errors import EstimationError
from immunerecon.kinetics.estimators.competing_risks import aalen_johansen
from immunerecon.kinetics.estimators.group_tests import gray_test, logrank_test
from immunerecon.kinetics.estimators.subdistribution import fine_gray
from immunerecon.kinetics.estimators.survival import kaplan_meier, survival_quantile

DATA = Path(__file__).parent / "r"


@pytest.fixture(scope="module")
def bmtcrr() -> pd.DataFrame:
    table = pd.read_csv(DATA / "bmtcrr.csv")
    return pd.DataFrame({"time": table.ftime, "cause": table.Status, "group": table.D})


@pytest.fixture(scope="module")
def bmt() -> pd.DataFrame:
    table = pd.read_csv(DATA / "kmsurv_bmt.csv")
    cause = np.where(table.d2 == 1, 1, np.where(table.d1 == 1, 2, 0))
    return pd.DataFrame({"time": table.t2.astype(float), "cause": cause, "group": table.group})


@pytest.fixture(scope="module")
def mgus2() -> pd.DataFrame:
    table = pd.read_csv(DATA / "mgus2.csv")
    time = np.where(table.pstat == 1, table.ptime, table.futime)
    cause = np.where(table.pstat == 1, 1, 2 * table.death)
    return pd.DataFrame({"time": time.astype(float), "cause": cause, "group": table.sex})


@pytest.fixture(scope="module")
def aml() -> pd.DataFrame:
    """Acute myelogenous leukaemia (Miller 1997), R's survival::aml."""
    maintained = [9, 13, -13, 18, 23, -28, 31, 34, -45, 48, -161]
    other = [5, 5, 8, 8, 12, -16, 23, 27, 30, 33, 43, 45]
    signed = np.array(maintained + other, dtype=float)
    group = ["maintained"] * len(maintained) + ["other"] * len(other)
    return pd.DataFrame({"time": abs(signed), "cause": (signed > 0).astype(int), "group": group})


def incidence(
    table: pd.DataFrame, day: float, *, of: int = 1, variance: str = "aalen"
) -> pd.Series:
    curve = aalen_johansen(table.time.to_numpy(), table.cause.to_numpy(), of=of, variance=variance)
    return curve[curve.time <= day].iloc[-1]


def swapped(cause: pd.Series) -> np.ndarray:
    return np.array([0, 2, 1])[cause]


@pytest.mark.parametrize(
    ("group", "of", "day", "expected"),
    [
        ("ALL", 1, 6, 0.23287671),
        ("ALL", 1, 12, 0.34246575),
        ("ALL", 1, 24, 0.38755708),
        ("AML", 1, 6, 0.15384615),
        ("AML", 1, 12, 0.22115385),
        ("AML", 1, 24, 0.24145299),
        ("AML", 1, 60, 0.28103901),
        ("ALL", 2, 6, 0.26027397),
        ("ALL", 2, 12, 0.35616438),
        ("ALL", 2, 24, 0.36986301),
        ("AML", 2, 6, 0.26923077),
        ("AML", 2, 12, 0.43376068),
        ("AML", 2, 24, 0.45514728),
    ],
)
def test_incidence_bmtcrr(
    bmtcrr: pd.DataFrame, group: str, of: int, day: float, expected: float
) -> None:
    own = bmtcrr[bmtcrr.group == group]
    assert incidence(own, day, of=of).cumulative_incidence == pytest.approx(expected, abs=5e-9)


@pytest.mark.parametrize(
    ("group", "variance", "printed"),
    [
        ("ALL", "aalen", "0.0031590699"),  # cmprsk
        ("AML", "aalen", "0.0016816161"),
        ("ALL", "delta", "0.003084698"),  # survfit
    ],
)
def test_variance_at_12_months(
    bmtcrr: pd.DataFrame, group: str, variance: str, printed: str
) -> None:
    row = incidence(bmtcrr[bmtcrr.group == group], 12, variance=variance)
    assert f"{row.variance:.{len(printed) - 2}f}" == printed


@pytest.mark.parametrize(
    ("variance", "low", "high"), [("aalen", 0.23533, 0.45217), ("delta", 0.23655, 0.45089)]
)
def test_log_log_interval(bmtcrr: pd.DataFrame, variance: str, low: float, high: float) -> None:
    row = incidence(bmtcrr[bmtcrr.group == "ALL"], 12, variance=variance)
    assert (row.low, row.high) == pytest.approx((low, high), abs=5e-6)


@pytest.mark.parametrize(
    ("group", "at"),
    [
        (1, {100: 0.05263158, 365: 0.23798627, 730: 0.32428898}),
        (2, {100: 0.0, 365: 0.07407407, 730: 0.14814815}),
        (3, {100: 0.2, 365: 0.35555556, 730: 0.46666667}),
    ],
)
def test_incidence_bmt(bmt: pd.DataFrame, group: int, at: dict[int, float]) -> None:
    own = bmt[bmt.group == group]
    found = {day: incidence(own, day).cumulative_incidence for day in at}
    assert found == pytest.approx(at, abs=5e-9)


@pytest.mark.parametrize(
    ("month", "expected"),
    [
        (120, (0.404460128, 0.063722168, 0.531817704)),
        (240, (0.176158308, 0.0998137159, 0.724027976)),
    ],
)
def test_states_with_many_ties(
    mgus2: pd.DataFrame, month: float, expected: tuple[float, float, float]
) -> None:
    own = [incidence(mgus2, month, of=cause).cumulative_incidence for cause in (1, 2)]
    assert (1 - sum(own), *own) == pytest.approx(expected, abs=5e-10)


@pytest.mark.parametrize(("sex", "expected"), [("F", 0.07388566), ("M", 0.05531024)])
def test_incidence_by_sex(mgus2: pd.DataFrame, sex: str, expected: float) -> None:
    row = incidence(mgus2[mgus2.group == sex], 120)
    assert row.cumulative_incidence == pytest.approx(expected, abs=5e-9)


@pytest.mark.parametrize(
    ("data", "cause", "statistic", "p_value"),
    [
        ("bmtcrr", 1, 2.86233251, 0.090675925),
        ("bmtcrr", 2, 0.44812794, 0.503225311),
        ("bmt", 1, 11.92288205, 0.0025761969),
        ("bmt", 2, 0.13741078, 0.9336016864),
        ("mgus2", 1, 1.1945078, 0.27442216),
        ("mgus2", 2, 11.651259, 0.00064159098),
    ],
)
def test_gray(
    request: pytest.FixtureRequest, data: str, cause: int, statistic: float, p_value: float
) -> None:
    table = request.getfixturevalue(data)
    causes = table.cause.to_numpy() if cause == 1 else swapped(table.cause)
    test = gray_test(table.time.to_numpy(), causes, table.group.to_numpy())
    assert test.statistic == pytest.approx(statistic, rel=5e-8)
    assert test.p_value == pytest.approx(p_value, rel=1e-7)


def test_disease_free_survival(bmt: pd.DataFrame) -> None:
    curves = {
        group: kaplan_meier(own.time.to_numpy(), own.cause.to_numpy() > 0)
        for group, own in bmt.groupby("group")
    }
    medians = [survival_quantile(curve, bound="survival") for curve in curves.values()]
    assert medians == [418, 2204, 183]
    at_365 = [curve[curve.time <= 365].survival.iloc[-1] for curve in curves.values()]
    at_730 = [curve[curve.time <= 730].survival.iloc[-1] for curve in curves.values()]
    assert at_365 == pytest.approx([0.5492, 0.7778, 0.3778], abs=5e-5)
    assert at_730 == pytest.approx([0.3531, 0.6111, 0.2444], abs=5e-5)
    test = logrank_test(bmt.time.to_numpy(), bmt.cause.to_numpy() > 0, bmt.group.to_numpy())
    assert (round(test.statistic, 1), test.degrees_of_freedom) == (13.8, 2)


def test_kaplan_meier_aml(aml: pd.DataFrame) -> None:
    own = aml[aml.group == "maintained"]
    curve = kaplan_meier(own.time.to_numpy(), own.cause.to_numpy() == 1).query("events > 0")
    expected = {
        9: 0.9091,
        13: 0.8182,
        18: 0.7159,
        23: 0.6136,
        31: 0.4909,
        34: 0.3682,
        48: 0.1841,
    }
    assert dict(zip(curve.time, curve.survival, strict=True)) == pytest.approx(expected, abs=5e-5)


def test_medians_and_logrank_aml(aml: pd.DataFrame) -> None:
    medians = [
        survival_quantile(
            kaplan_meier(own.time.to_numpy(), own.cause.to_numpy() == 1), bound="survival"
        )
        for _, own in aml.groupby("group")
    ]
    assert medians == [31, 23]
    test = logrank_test(aml.time.to_numpy(), aml.cause.to_numpy() == 1, aml.group.to_numpy())
    assert round(test.statistic, 1) == 3.4
    assert test.p_value == pytest.approx(0.065, abs=5e-4)


def check_fit(
    fit: pd.DataFrame, coefficients: list[float], errors: list[float], digits: int
) -> None:
    assert fit.coefficient.tolist() == pytest.approx(coefficients, abs=0.5 * 10**-digits)
    assert fit.standard_error.tolist() == pytest.approx(errors, abs=0.5 * 10**-digits)


def test_fine_gray_bmtcrr() -> None:
    table = pd.read_csv(DATA / "bmtcrr.csv")
    covariates = pd.DataFrame(
        {
            "age": table.Age,
            "male": table.Sex == "M",
            "AML": table.D == "AML",
            "CR2": table.Phase == "CR2",
            "CR3": table.Phase == "CR3",
            "relapse": table.Phase == "Relapse",
            "PB": table.Source == "PB",
        }
    )
    check_fit(
        fine_gray(table.ftime.to_numpy(), table.Status.to_numpy(), covariates),
        [-0.01847, 0.03525, -0.47233, 0.08180, 0.37035, 1.10176, 0.92115],
        [0.01188, 0.28998, 0.30538, 0.45526, 0.64050, 0.37641, 0.55302],
        digits=5,
    )


def test_fine_gray_bmt(bmt: pd.DataFrame) -> None:
    groups = pd.DataFrame({"g2": bmt.group == 2, "g3": bmt.group == 3})
    fit = fine_gray(bmt.time.to_numpy(), bmt.cause.to_numpy(), groups)
    check_fit(fit, [-0.8034, 0.5085], [0.4285, 0.3662], digits=4)


def test_fine_gray_mgus2(mgus2: pd.DataFrame) -> None:
    table = pd.read_csv(DATA / "mgus2.csv")
    known = table.mspike.notna()
    covariates = pd.DataFrame({"age": table.age, "male": table.sex == "M", "mspike": table.mspike})[
        known
    ]
    check_fit(
        fine_gray(mgus2.time[known].to_numpy(), mgus2.cause[known].to_numpy(), covariates),
        [-0.016942528, -0.213616037, 0.888464126],
        [0.00582979, 0.18520147, 0.15523130],
        digits=8,
    )


def test_fine_gray_refuses_a_dozen_patients() -> None:
    days, cause = np.arange(1.0, 13.0), np.array([1, 2, 0] * 4)
    with pytest.raises(EstimationError, match="4 events for 1 covariates, 5 a covariate"):
        fine_gray(days, cause, pd.DataFrame({"dose": np.arange(12.0)}))
