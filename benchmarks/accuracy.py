"""How near the gates come to the truth of simulated trials: a table per stress and population.

python benchmarks/accuracy.py                     # every stress, small trials
python benchmarks/accuracy.py --full              # every stress, twelve patients
python benchmarks/accuracy.py --presets nadir tails --ways alone shipped
python benchmarks/accuracy.py --trial FOLDER      # a trial made elsewhere, with its truth/
"""

import argparse
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
from trial_gating import WAYS, gate_trial

from immunerecon.enumeration.population_table import TubeVolume, count_populations
from immunerecon.enumeration.proportions import wilson
from immunerecon.simulate.conditions import PRESETS
from immunerecon.simulate.folder import simulate_trial

LARGE = ("T", "B", "NK", "CD4_T", "CD8_T")
OVERLAPPING = ("NK_CD56bright", "NK_CD56dim", "NKT_like")
OTHERS = ("Lymphocytes", "Monocytes", "Granulocytes", "DN_T")
ENOUGH = 100  # events from which a relative error is judged; below, the log ratio is
WIDEST = 1.5  # times the width of an interval that only counting noise makes


def misses(row: dict[str, object]) -> str:
    """Return which bars a row of the table misses, by the names of its columns.

    Of T, B, NK, CD4_T and CD8_T the median is at most 2 %, the 95th percentile 10 %, and the
    concordance at least 0.99; of the overlapping kinds 20 % and 0.95. Below 100 events the log
    ratio is at most 0.1 in the median and 0.4 at the 95th percentile. Of all of these, 95 %
    intervals hold the truth in 90 % and are at most 1.5 times as wide as they must be.
    """
    large = row["population"] in LARGE
    if not large and row["population"] not in OVERLAPPING:
        return ""
    bars = {
        "median": row["median"] <= 0.02 if large else True,
        "p95": row["p95"] <= (0.1 if large else 0.2),
        "|log10|": row["|log10|"] <= 0.1,
        "p95 |log10|": row["p95 |log10|"] <= 0.4,
        "concordance": row["concordance"] >= (0.99 if large else 0.95),
        "coverage": row["coverage"] >= 0.9,
        "width": row["width"] <= WIDEST,
    }
    return ", ".join(name for name, held in bars.items() if not held and row[name] == row[name])


def compare(trial: Path, way: str) -> pd.DataFrame:
    """Return one row a tube and population: what was counted, and what is true."""
    truth = pd.read_csv(trial / "truth" / "populations.csv").set_index(["file", "population"])
    rows = []
    for file, gated in gate_trial(trial, way).items():
        table = count_populations(gated, TubeVolume()).set_index("population")
        sources = {gate.population: gate.source for gate in gated.gates}
        for population in (*LARGE, *OVERLAPPING, *OTHERS):
            if (file, population) not in truth.index or population not in table.index:
                continue
            true, found = truth.loc[(file, population)], table.loc[population]
            rows.append(
                {
                    "file": file,
                    "role": true["role"],
                    "day": true["day"],
                    "population": population,
                    "true": int(true["count_undisturbed"]),
                    "true_parent": int(truth.loc[(file, true["parent"]), "count_undisturbed"]),
                    "count": np.nan if pd.isna(found["count"]) else float(found["count"]),
                    "percent": found["percent_of_parent"],
                    "low": found["percent_low"],
                    "high": found["percent_high"],
                    "source": sources.get(population, "dropped"),
                }
            )
    return pd.DataFrame(rows)


def summarise(rows: pd.DataFrame) -> Iterator[dict[str, object]]:
    """Yield the figures of each population."""
    for population, group in rows.groupby("population", sort=False):
        large, small = group[group.true >= ENOUGH], group[group.true < ENOUGH]
        relative = (large["count"] / large.true - 1).abs().fillna(1.0)
        # Half an event keeps the ratio finite where nothing is there or nothing is found.
        ratio = np.log10((small["count"].fillna(0) + 0.5) / (small.true + 0.5)).abs()
        seen = group[group.true_parent > 0]
        true_percent = 100 * seen.true / seen.true_parent
        low, high = wilson(seen.true.to_numpy(), seen.true_parent.to_numpy())
        ideal = 100 * (np.asarray(high) - np.asarray(low))
        row = {
            "population": population,
            "n": len(large),
            "median": relative.median(),
            "p95": relative.quantile(0.95),
            "n small": len(small),
            "|log10|": ratio.median(),
            "p95 |log10|": ratio.quantile(0.95),
            "concordance": concordance(seen.percent, true_percent),
            "coverage": ((seen.low <= true_percent) & (true_percent <= seen.high)).mean(),
            "width": ((seen.high - seen.low) / ideal).median(),
            "|log2| 200": np.log2(
                group["count"].clip(lower=0.5) / group.true
            )[group.true >= 200].abs().median(),
            "by model": (group.source == "model").mean(),
        }  # fmt: skip
        yield {**row, "misses": misses(row) or ("-" if population in OTHERS else "none")}


def concordance(found: pd.Series, true: pd.Series) -> float:
    """Return Lin's concordance correlation (Biometrics 1989;45:255-268)."""
    both = found.notna()
    x, y = found[both], true[both]
    if len(x) < 2:
        return float("nan")
    covariance = ((x - x.mean()) * (y - y.mean())).mean()
    return float(2 * covariance / (x.var(ddof=0) + y.var(ddof=0) + (x.mean() - y.mean()) ** 2))


def report(name: str, trial: Path, ways: list[str]) -> None:
    """Print the table of one trial."""
    for way in ways:
        start = time.perf_counter()
        rows = compare(trial, way)
        seconds = time.perf_counter() - start
        table = pd.DataFrame(summarise(rows)).set_index("population")
        print(f"\n== {name}, {way}: {rows.file.nunique()} tubes, {seconds:.1f} s")
        judged = table.misses.isin(["none"]).sum()
        print(f"bars: {judged} of {(table.misses != '-').sum()} populations hold all of theirs")
        print(table.to_string(float_format=lambda value: f"{value:.3f}", na_rep=""))


def main() -> None:
    """Read the command line and print the tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--presets", nargs="+", choices=PRESETS, default=list(PRESETS))
    parser.add_argument("--ways", nargs="+", choices=WAYS, default=list(WAYS))
    parser.add_argument("--patients", type=int, default=2)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--events", type=int, default=15_000, help="in a tube")
    parser.add_argument("--full", action="store_true", help="twelve patients a trial")
    parser.add_argument("--trial", type=Path, help="a trial with its truth, instead of the presets")
    options = parser.parse_args()
    if options.trial:
        report(options.trial.name, options.trial, options.ways)
        return
    patients = 12 if options.full else options.patients
    for name in options.presets:
        with tempfile.TemporaryDirectory() as place:
            folder = Path(place) / name
            simulate_trial(
                folder,
                patients=patients,
                seed=options.seed,
                events=options.events,
                conditions=PRESETS[name],
            )
            report(name, folder, options.ways)


if __name__ == "__main__":
    main()
