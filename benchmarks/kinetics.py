"""Coverage, bias and level of the cohort statistics on simulated cohorts of twelve.

    python benchmarks/kinetics.py [--cohorts 500] [--seed 1]

Truth is drawn here, apart from the package's own simulator: donor cells grow to a maximum between
day 7 and 12 and decline with the patient's own half-life (median 7 days); CD4 T cells rise through
200 per µL on the patient's own day; death competes. Draws are jittered and missed, values carry
scatter, and about 30 % of the draws of donor cells lie below the limit of detection.
"""

import argparse
import time
from dataclasses import dataclass

import numpy as np
import pandas as pd

from immunerecon.errors import EstimationError
from immunerecon.kinetics.cohort import recovery_times
from immunerecon.kinetics.cohort_median import median_recovery_table
from immunerecon.kinetics.cohort_persistence import summarise_persistence
from immunerecon.kinetics.decline import fit_cohort_decline
from immunerecon.kinetics.draws import donor_draws
from immunerecon.kinetics.estimators.group_tests import (
    gray_permutation_test,
    gray_test,
    logrank_permutation_test,
    logrank_test,
)
from immunerecon.kinetics.landmark import landmark_table
from immunerecon.kinetics.persistence import persistence_table
from immunerecon.kinetics.recovery import recovery_table
from immunerecon.kinetics.sensitivity import sensitivity_table

N_PATIENTS = 12
HALF_LIFE_DAYS, HALF_LIFE_SPREAD = 7.0, 0.35
DONOR_DAYS = np.array([1, 2, 7, 14, 21, 28, 35, 42, 56], dtype=float)
COUNT_DAYS = np.array([0, 7, 14, 21, 28, 42, 56, 84, 112, 168, 252, 365, 540, 730], dtype=float)
LOD = 0.0022
SCATTER = 0.25
LANDMARK_DAY = 42  # by which about half of the patients have lost their donor cells
RECOVERY_DAY, RECOVERY_SPREAD, DEATH_DAY = 45.0, 0.5, 600.0


@dataclass(frozen=True)
class Donor:
    """True donor fractions of some patients."""

    half_life: np.ndarray
    t_max: np.ndarray
    peak: np.ndarray
    growth: np.ndarray

    def at(self, day: np.ndarray) -> np.ndarray:
        """Fraction on days of shape (patients, days)."""
        past = day - self.t_max[:, None]
        rate = np.where(past < 0, self.growth[:, None], -np.log(2) / self.half_life[:, None])
        return self.peak[:, None] * np.exp(rate * past)


def draw_donors(rng: np.random.Generator, n: int) -> Donor:
    """Patients of the true distribution."""
    return Donor(
        HALF_LIFE_DAYS * np.exp(HALF_LIFE_SPREAD * rng.normal(size=n)),
        rng.uniform(7, 12, n),
        0.08 * np.exp(0.7 * rng.normal(size=n)),
        rng.uniform(0.3, 0.7, n),
    )


def draw_recovery(rng: np.random.Generator, n: int) -> tuple[np.ndarray, np.ndarray]:
    """Days of recovery and of death."""
    recovery = RECOVERY_DAY * np.exp(RECOVERY_SPREAD * rng.normal(size=n))
    return recovery, rng.exponential(DEATH_DAY, n)


def true_log_auc() -> float:
    """Mean logarithm of the patients' areas to day 28."""
    donors = draw_donors(np.random.default_rng(99), 20_000)
    day = np.linspace(0, 28, 281)
    return float(np.log(np.trapezoid(donors.at(day[None, :]), day, axis=1)).mean())


def true_median_day() -> float:
    """Day by which half of a large cohort recovered before dying."""
    recovery, death = draw_recovery(np.random.default_rng(98), 400_000)
    return float(np.sort(recovery[recovery < death])[200_000])


def jitter(rng: np.random.Generator, days: np.ndarray) -> np.ndarray:
    """Planned days moved by up to three days and some of them missed (NaN)."""
    moved = days + np.where(days >= 7, rng.uniform(-3, 3, days.size), 0)
    return np.where((rng.random(days.size) < 0.08) & (days > 0), np.nan, moved)


def donor_table(rng: np.random.Generator, donors: Donor) -> pd.DataFrame:
    """Table `donor_cells` of some patients, fractions only."""
    day = np.stack([jitter(rng, DONOR_DAYS) for _ in donors.peak])
    fraction = donors.at(day) * np.exp(SCATTER * rng.normal(size=day.shape))
    patient = np.repeat([f"P{n:02d}" for n in range(len(day))], day.shape[1])
    table = pd.DataFrame(
        {"patient": patient, "population": "NK", "day": day.ravel(), "lod": LOD}
    ).assign(donor_fraction=np.where(fraction >= LOD, fraction, 0.0).ravel())
    call = np.where(table.donor_fraction > 0, "detected", "not_detected")
    return table.assign(call=call).dropna(subset=["day"])


def count_table(rng: np.random.Generator, recovery: np.ndarray, death: np.ndarray) -> pd.DataFrame:
    """Table `populations` of some patients, up to their deaths."""
    rows = []
    for n, (own_recovery, own_death) in enumerate(zip(recovery, death, strict=True)):
        day = jitter(rng, COUNT_DAYS)
        day = day[np.isfinite(day) & (day < own_death)]
        count = 200 * ((day + 3) / (own_recovery + 3)) * np.exp(0.05 * rng.normal(size=day.size))
        rows.append(pd.DataFrame({"patient": f"P{n:02d}", "day": day, "cells_per_ul": count}))
    return pd.concat(rows, ignore_index=True).assign(population="CD4_T")


def response_events(rng: np.random.Generator, n: int) -> pd.DataFrame:
    """Responses in two of five patients, whatever their donor cells do."""
    responders = [f"P{k:02d}" for k in range(n) if rng.random() < 0.4]
    return pd.DataFrame({"patient": responders, "day": 60.0, "event": "response", "value": "PR"})


def covers(row: pd.Series, truth: float) -> bool:
    """Whether an interval holds the truth."""
    return bool(row.low <= truth <= row.high)


def one_cohort(rng: np.random.Generator, log_auc: float, median_day: float) -> dict[str, float]:
    """Fit everything to one cohort."""
    donors = draw_donors(rng, N_PATIENTS)
    cells = donor_table(rng, donors)
    recovery_day, death_day = draw_recovery(rng, N_PATIENTS)
    died = death_day < COUNT_DAYS[-1]
    names = np.array([f"P{n:02d}" for n in range(N_PATIENTS)])
    nobody = pd.DataFrame({"patient": [], "day": [], "event": []})
    deaths = pd.DataFrame({"patient": names[died], "day": death_day[died], "event": "death"})
    row: dict[str, float] = {"below LOD": float((cells.call == "not_detected").mean())}

    summary = summarise_persistence(persistence_table(cells, nobody)).query("measure == 'fraction'")
    by_quantity = summary.set_index("quantity")
    row["cover AUC"] = covers(by_quantity.loc["auc_0_28"], np.exp(log_auc))
    row["n AUC"] = by_quantity.loc["auc_0_28", "n"]
    row["log AUC"] = float(np.log(by_quantity.loc["auc_0_28", "geometric_mean"])) - log_auc
    row["cover half-life, evaluable patients"] = covers(
        by_quantity.loc["half_life"], HALF_LIFE_DAYS
    )
    row["n half-life"] = by_quantity.loc["half_life", "n"]
    rules = sensitivity_table(cells, nobody).query("measure == 'fraction'")
    for rule, group in rules.groupby("rule"):
        row[f"log half-life {rule}"] = float(np.log(group.half_life.dropna()).mean())
    try:
        decline = fit_cohort_decline(donor_draws(cells, nobody, measure="fraction"))
        row["log half-life cohort model"] = float(np.log(decline.half_life))
        low, high = decline.half_life_low, decline.half_life_high
        row["cover half-life, cohort model"] = low <= HALF_LIFE_DAYS <= high
    except EstimationError:
        row["no cohort model"] = 1.0

    counts = count_table(rng, recovery_day, death_day)
    recovery = recovery_table(counts, deaths, thresholds={"CD4_T": [200]}, confirm=2)
    patients = pd.DataFrame({"patient": names})
    median = median_recovery_table(recovery, deaths, patients).iloc[0]
    row["cover median day"] = covers(median, median_day)
    row["median open above"] = float(np.isinf(median.high))
    return row | group_p_values(rng, recovery_times(recovery, deaths)) | landmark_p(rng, cells)


def group_p_values(rng: np.random.Generator, times: pd.DataFrame) -> dict[str, float]:
    """P values of tests between groups that do not differ."""
    day, cause = times.time.to_numpy(), times.cause.to_numpy()
    row = {}
    for label, n_groups in (("6 + 6", 2), ("4 + 4 + 4", 3)):
        group = rng.permutation(np.arange(N_PATIENTS) % n_groups)[: len(times)]
        seen = cause == 1
        tests = {
            "Gray": gray_test(day, cause, group),
            "Gray, permutation": gray_permutation_test(day, cause, group, rng=rng),
            "log-rank": logrank_test(day, seen, group),
            "log-rank, permutation": logrank_permutation_test(day, seen, group, rng=rng),
        }
        row |= {f"p {name}, {label}": test.p_value for name, test in tests.items()}
    return row


def landmark_p(rng: np.random.Generator, cells: pd.DataFrame) -> dict[str, float]:
    """P values of response by persistence at a landmark, which are unrelated."""
    row = landmark_table(
        cells, response_events(rng, N_PATIENTS), landmark_days=[LANDMARK_DAY]
    ).iloc[0]
    return {"p Barnard, landmark": row.p_barnard, "p Fisher, landmark": row.p_fisher}


def report(table: pd.DataFrame, seconds: float) -> None:
    """Print the tables."""
    n = len(table)
    print(f"{n} cohorts of {N_PATIENTS}, {seconds:.0f} s")
    print(f"draws of donor cells below LOD: {100 * table['below LOD'].mean():.0f} %")
    print(
        f"patients evaluable: AUC {table['n AUC'].mean():.1f}, "
        f"half-life {table['n half-life'].mean():.1f} of {N_PATIENTS}"
    )
    print("\n95 % intervals cover (bar 92-98 %)")
    for name in table.columns[table.columns.str.startswith("cover")]:
        print(f"  {name.removeprefix('cover '):40s} {100 * table[name].dropna().mean():5.1f} %")
    print(f"  (upper end of the median open: {100 * table['median open above'].mean():.0f} %)")
    print("\nbias of the half-life (bar 10 %)")
    for name in table.columns[table.columns.str.startswith("log half-life")]:
        bias = 100 * (np.exp(table[name].mean()) / HALF_LIFE_DAYS - 1)
        print(f"  {name.removeprefix('log half-life '):40s} {bias:+6.1f} %")
    failed = int(table.get("no cohort model", pd.Series([0.0])).sum())
    print(f"  (cohort model not identified in {failed} cohorts)")
    print(f"\nbias of the AUC: {100 * np.expm1(table['log AUC'].mean()):+.1f} %")
    print("\nrejected at 5 % without a difference (bar 3-6 %)")
    for name in table.columns[table.columns.str.startswith("p ")]:
        print(f"  {name.removeprefix('p '):40s} {100 * (table[name] <= 0.05).mean():5.1f} %")


def main() -> None:
    """Simulate, fit and report."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--cohorts", type=int, default=500)
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    log_auc, median_day = true_log_auc(), true_median_day()
    began = time.perf_counter()
    seeds = np.random.SeedSequence(arguments.seed).spawn(arguments.cohorts)
    rows = [one_cohort(np.random.default_rng(seed), log_auc, median_day) for seed in seeds]
    report(pd.DataFrame(rows), time.perf_counter() - began)


if __name__ == "__main__":
    main()
