"""Whether donor fractions of simulated tubes are right, and their intervals and limits true.

    python benchmarks/donor.py                          5 studies for each design, a minute or two
    python benchmarks/donor.py --studies 100 --out T.csv       the full run, half an hour or more
    python benchmarks/donor.py --studies 400 --parents 10000 --fractions 0 0.001 --out P.csv
                                                        more tubes where detection is judged
    python benchmarks/donor.py --studies 0 --add T.csv P.csv    judge what several runs found

Each study has fresh control tubes (two of the recipient, one of the donor, twelve blanks of
other patients) and one draw of each true fraction. Beside the estimate stand the hand method
(gate at the 99.5th percentile of the recipient control, subtraction), Rogan-Gladen at the same
gate, and an oracle that knows the shapes, the draw's gain and the law of the background.
"""

import argparse
import time

import numpy as np
import pandas as pd
from donor_judgement import METHODS, STRATUM, show
from donor_simulator import FAMILIES, LEAKS, Assay, true_shapes
from scipy import stats

from immunerecon.enumeration.donor import estimate_donor_fraction
from immunerecon.enumeration.proportions import lang_reiczigel, rogan_gladen, wilson

FRACTIONS = (0.0, 0.0002, 0.001, 0.005, 0.02, 0.1, 0.6, 0.98)
DESIGNS = (  # parents, stain index, background leak
    *((parents, 8, 0.002) for parents in (200, 1_000, 3_000, 10_000, 30_000, 100_000)),
    *((10_000, 8, leak) for leak in (0.0002, 0.0005, 0.01, 0.06)),
    *((10_000, index, 0.002) for index in (4, 20)),
    *((10_000, index, 0.0005) for index in (2, 4)),
    *((200, 4, 0.01), (1_000, 4, 0.06), (1_000, 20, 0.0002), (3_000, 20, 0.06)),
    *((3_000, 2, 0.01), (30_000, 20, 0.01), (100_000, 4, 0.0005)),
)


def ask_oracle(assay, values, gain, fraction):
    """Return estimate, interval and detection given all but fraction and background rate."""
    edges = np.linspace(-5, assay.distance + 6, 141)
    position = (values - 2) / 0.2 * (1 if assay.positive else -1) - gain
    counts = np.histogram(np.clip(position, edges[0], edges[-1] - 1e-9), edges)[0]
    law = Assay(assay.family, assay.kind, assay.stain_index, 0.0, assay.positive)
    core, leak, donor, miss = true_shapes(law, tuple(edges))
    shape = assay.leak_cv**-2
    factor = np.geomspace(*stats.gamma.ppf([5e-4, 0.9995], shape, scale=1 / shape), 61)
    weight = stats.gamma.pdf(factor, shape, scale=1 / shape) * factor
    rare = fraction > 0.9  # then the donor cells' own tail matters, else the recipient's
    leaks = np.full(61, assay.leak) if rare else assay.leak * factor
    misses = assay.miss * factor if rare else np.full(61, assay.miss)
    recipient = (core + np.outer(leaks, leak - core))[: 1 if rare else None]
    donors = (donor + np.outer(misses, miss - donor))[: None if rare else 1]

    def scan(grid):
        expected = grid[:, None, None] * donors + (1 - grid)[:, None, None] * recipient
        likelihood = np.log(expected) @ counts
        top = likelihood.max()
        slope = donors.mean(axis=0) - recipient.mean(axis=0)
        information = counts.sum() * (slope**2 / np.average(expected, 1, weight)).sum(axis=1)
        return np.log(np.exp(likelihood - top) @ weight + 1e-300) + top, np.sqrt(information)

    low, high = 0.0, 1.0
    for _ in range(6):  # zoom in
        root = np.linspace(*np.sqrt((low, high) if fraction < 0.5 else (1 - high, 1 - low)), 41)
        grid = root**2 if fraction < 0.5 else 1 - root[::-1] ** 2
        log_likelihood, prior = scan(grid)
        kept = np.flatnonzero(log_likelihood > log_likelihood.max() - 9)
        low, high = grid[max(kept[0] - 1, 0)], grid[min(kept[-1] + 1, 40)]
    best = int(np.argmax(log_likelihood))
    density = np.exp(log_likelihood - log_likelihood[best]) * prior
    mass = np.cumsum((density[1:] + density[:-1]) * np.diff(grid))
    bounds = np.interp([0.025, 0.975], np.append(0.0, mass / mass[-1]), grid)
    detected = 2 * (log_likelihood[best] - scan(np.zeros(1))[0][0]) > 1.645**2
    value = parabola_top(grid, log_likelihood, best)
    return value, bounds[0] if detected else 0.0, bounds[1], detected


def parabola_top(grid, values, best):
    """Return where the parabola through the best point and its neighbours peaks."""
    if not 0 < best < len(grid) - 1:
        return grid[best]
    curve = np.polyfit(grid[best - 1 : best + 2], values[best - 1 : best + 2], 2)
    return float(np.clip(-curve[1] / (2 * curve[0]), grid[best - 1], grid[best + 1]))


def gate_by_hand(assay, values, tubes):
    """Return the hand method and Rogan-Gladen at the recipient's 99.5th percentile."""
    sign = 1 if assay.positive else -1
    own, given = sign * np.concatenate(tubes["recipient"]), sign * tubes["donor"][0]
    cut = np.quantile(own, 0.995)
    inside = int((sign * values > cut).sum())
    low, high = wilson(inside, len(values))
    hand = np.array([inside / len(values), low, high]) - 0.005
    seen, clean = int((given > cut).sum()), int((own <= cut).sum())
    bounds = lang_reiczigel(
        (inside, len(values)), donor=(seen, len(given)), recipient=(clean, len(own))
    )
    share = rogan_gladen(
        inside / len(values), sensitivity=seen / len(given), specificity=clean / len(own)
    )
    return np.maximum(hand, 0.0), (max(float(share), 0.0), *bounds)


def run_study(rng, design, *, size=10_000, fractions=FRACTIONS):
    """Yield one row for each true fraction."""
    parents, stain_index, leak = design
    assay = Assay(
        family=FAMILIES[rng.integers(4)],
        kind=LEAKS[rng.integers(3)],
        stain_index=stain_index,
        leak=leak,
        positive=bool(rng.integers(2)),
    )
    tubes = assay.controls(rng, size)
    for fraction in fractions:
        values, gain = assay.tube(rng, parents, fraction)
        began = time.process_time()
        result = estimate_donor_fraction(values, donor_positive=assay.positive, **tubes)
        seconds = time.process_time() - began
        hand, gladen = gate_by_hand(assay, values, tubes)
        oracle = ask_oracle(assay, values, gain, fraction)
        ours = result.donor_fraction, result.fraction_low, result.fraction_high
        found = {
            "estimate": result.call.startswith("detected"),
            "hand": hand[1] > 0,
            "rogan_gladen": gladen[1] > 0,
            "oracle": oracle[3],
        }
        row = dict(zip(STRATUM, (parents, stain_index, leak, fraction), strict=True))
        row |= {
            "family": assay.family,
            "kind": assay.kind,
            "positive": assay.positive,
            "loq": result.loq,
            "lod": result.lod,
            "call": result.call,
            "seconds": seconds,
        }
        for method, numbers in zip(METHODS, (ours, hand, gladen, oracle[:3]), strict=True):
            row |= {
                f"{method}_value": numbers[0],
                f"{method}_low": numbers[1],
                f"{method}_high": numbers[2],
                f"{method}_found": found[method],
            }
        yield row


def main():
    """Run the studies asked for."""
    parser = argparse.ArgumentParser(description="Benchmark of donor-fraction estimates")
    parser.add_argument("--studies", type=int, default=5, help="studies for each design")
    parser.add_argument("--size", type=int, default=10_000, help="parents of a control tube")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--fractions", type=float, nargs="+", default=FRACTIONS)
    parser.add_argument("--parents", type=int, nargs="+", help="only designs of so many parents")
    parser.add_argument("--out", help="CSV of all tubes, written after each study")
    parser.add_argument("--add", nargs="+", default=(), help="CSV of earlier runs, judged as well")
    options = parser.parse_args()
    rows = []
    for number in range(options.studies):
        for place, design in enumerate(DESIGNS):
            if options.parents and design[0] not in options.parents:
                continue
            rng = np.random.default_rng([options.seed, number, place])
            rows += run_study(rng, design, size=options.size, fractions=options.fractions)
        if options.out:
            pd.DataFrame(rows).to_csv(options.out, index=False)
    show(pd.concat([pd.DataFrame(rows), *map(pd.read_csv, options.add)], ignore_index=True))


if __name__ == "__main__":
    main()
