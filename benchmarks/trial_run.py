"""The whole way of the data against a simulated trial's truth: counts, cells per µL, donor cells.

Run as ``python benchmarks/trial_run.py`` (twelve patients, some minutes), or on a trial and results
that are there: ``python benchmarks/trial_run.py --trial TRIAL --results RESULTS``.
"""

import argparse
import tempfile
from pathlib import Path

import numpy as np
import pandas as pd

from immunerecon.pipeline.results import Results
from immunerecon.pipeline.run import run_study
from immunerecon.simulate.folder import simulate_trial
from immunerecon.study.folder import read_study

COUNTED = ("T", "B", "NK", "CD4_T", "CD8_T")


def counts(truth: pd.DataFrame, results: Results) -> None:
    """Print how near counts and cells per µL come, tubes with at least 200 such events."""
    both = truth.merge(results.populations, on=["file", "population"], suffixes=("_true", ""))
    both = both[both["population"].isin(COUNTED) & (both["count_undisturbed"] >= 200)]
    ratio = both["count"].astype(float) / both["count_undisturbed"]
    print("median |log2(count / true count)|, tubes with 200 such events (bar 0.10)")
    print(np.log2(ratio).abs().groupby(both["population"]).agg(["size", "median"]).round(3))
    told = both[both["count_method"] != "none"]
    inside = (told["cells_per_ul_low"] <= told["cells_per_ul_true"]) & (
        told["cells_per_ul_true"] <= told["cells_per_ul_high"]
    )
    print("share of 95 % intervals of cells per µL that hold the truth")
    print(inside.groupby(told["count_method"]).agg(["size", "mean"]).round(3))


def donors(truth: pd.DataFrame, results: Results) -> None:
    """Print how near donor fractions of NK cells come, and how often blanks are called."""
    both = truth.merge(results.donor_cells, on=["file", "population"], suffixes=("_true", ""))
    nk = both[(both["population"] == "NK") & (both["count"] > 0)]
    sure = nk[(nk["donor_fraction_true"] > 0.01) & (nk["count"] >= 500)]
    near = (sure["donor_fraction"] / sure["donor_fraction_true"] - 1).abs() < 0.2
    blank = nk[nk["donor_fraction_true"] == 0]
    print(f"donor NK above 1 %, 500 NK: {near.sum()} of {len(sure)} within 20 % (bar 90 %)")
    print(f"draws without donor NK: {blank['call'].str.startswith('detected').sum()} of "
          f"{len(blank)} called detected")  # fmt: skip


def main() -> None:
    """Simulate, run and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--trial", type=Path)
    parser.add_argument("--results", type=Path)
    parser.add_argument("--workers", type=int, default=2)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        trial = options.trial or simulate_trial(Path(folder) / "trial")
        out = options.results or Path(folder) / "results"
        results = run_study(read_study(trial), out, workers=options.workers)
        truth = pd.read_csv(trial / "truth" / "populations.csv")
        counts(truth, results)
        donors(truth, results)


if __name__ == "__main__":
    main()
