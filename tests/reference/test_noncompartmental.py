"""Area and terminal half-life against R (Theoph, subject 1)."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from immunerecon.kinetics.exposure import area_under_curve, fit_terminal_phase

Course = tuple[np.ndarray, np.ndarray]


@pytest.fixture(scope="module")
def subject_1() -> Course:
    table = pd.read_csv(Path(__file__).parent / "r" / "theoph.csv").query("Subject == 1")
    return table.Time.to_numpy(float), table.conc.to_numpy(float)


def test_maximum(subject_1: Course) -> None:
    time, value = subject_1
    assert (value.max(), time[value.argmax()]) == (10.5, 1.12)


@pytest.mark.parametrize(
    ("method", "expected"), [("linear", 148.92305), ("linear-up/log-down", 147.2347485)]
)
def test_area_to_last(subject_1: Course, method: str, expected: float) -> None:
    time, value = subject_1
    area = area_under_curve(time, value, float(time[-1]), method=method)
    assert area == pytest.approx(expected, abs=5e-8)


def test_terminal_phase(subject_1: Course) -> None:
    time, value = subject_1
    phase = fit_terminal_phase(time, value, np.zeros(time.size, dtype=bool))
    assert phase.n_seen == 3
    assert phase.lambda_z == pytest.approx(0.04845700, abs=5e-9)
    assert phase.half_life == pytest.approx(14.30437756, abs=5e-8)
    to_last = area_under_curve(time, value, float(time[-1]), method="linear")
    assert to_last + value[-1] / phase.lambda_z == pytest.approx(216.611933, abs=5e-7)
