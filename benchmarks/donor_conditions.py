"""Donor fractions where there are few cells, or where HLA expression changed after the infusion.

    python benchmarks/donor_conditions.py few --studies 20
    python benchmarks/donor_conditions.py changed --studies 20

Prints how often the 95 % interval covers and the truth was called, and what was flagged.
"""

import argparse

import numpy as np
import pandas as pd
from donor_simulator import FAMILIES, LEAKS, Assay

from immunerecon.enumeration.donor import estimate_donor_fraction
from immunerecon.enumeration.donor_results import DonorSettings

FEW = (10, 20, 30, 50, 100, 200)
# SD of the recipient's cells: shift of the recipient's cells, and of donor cells. A donor peak of
# a CV of 40 % has an SD of 0.17 decades, so that a two-fold change is one of some 1.8 SD.
CHANGES = ((0.0, 0.0), (1.0, 0.0), (2.0, 0.0), (0.0, -1.0), (0.0, -1.8), (1.0, -1.8), (0.0, 1.8))


def draw_assay(rng, stain_index, leak):
    """Return an assay of a random kind."""
    return Assay(
        family=FAMILIES[rng.integers(4)],
        kind=LEAKS[rng.integers(3)],
        stain_index=stain_index,
        leak=leak,
        positive=bool(rng.integers(2)),
    )


def judge(estimate, fraction, **names):
    """Return one row."""
    return names | {
        "fraction": fraction,
        "covered": estimate.fraction_low <= fraction <= estimate.fraction_high,
        "found": estimate.call.startswith("detected"),
        "value": estimate.donor_fraction,
        "width": estimate.fraction_high - estimate.fraction_low,
        "flagged": any("expression" in flag for flag in estimate.flags),
    }


def few_parents(rng):
    """Yield rows of draws with few parents."""
    settings = DonorSettings(min_events=min(FEW))
    for stain_index, leak in ((4, 0.01), (8, 0.002)):
        assay = draw_assay(rng, stain_index, leak)
        tubes = assay.controls(rng, 10_000)
        for parents in FEW:
            for fraction in (0.0, 0.05, 0.3, 0.7, 0.95):
                values, _ = assay.tube(rng, parents, fraction)
                found = estimate_donor_fraction(
                    values, donor_positive=assay.positive, settings=settings, **tubes
                )
                yield judge(found, fraction, stain_index=stain_index, parents=parents)


def changed_expression(rng):
    """Yield rows of draws whose cells' brightness differs from that in the controls."""
    for stain_index in (4, 8):
        assay = draw_assay(rng, stain_index, 0.002)
        tubes = assay.controls(rng, 10_000)
        for recipient, donor in CHANGES:
            for fraction in (0.0, 0.01, 0.1, 0.6):
                values = shifted_tube(rng, assay, fraction, recipient=recipient, donor=donor)
                found = estimate_donor_fraction(values, donor_positive=assay.positive, **tubes)
                names = {"stain_index": stain_index, "recipient": recipient, "donor": donor}
                yield judge(found, fraction, **names)


def shifted_tube(rng, assay, fraction, *, recipient, donor, number=3_000):
    """Return a draw in which the kinds of cells have shifted apart, towards the donor's side."""
    sign = 1 if assay.positive else -1
    donors = rng.binomial(number, fraction)
    own, _ = assay.tube(rng, number - donors, 0.0)
    given, _ = assay.tube(rng, donors, 1.0)
    return np.concatenate([own + 0.2 * recipient * sign, given + 0.2 * donor * sign])


def main():
    """Run what is asked for."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("which", choices=("few", "changed"))
    parser.add_argument("--studies", type=int, default=10)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    tubes = few_parents if options.which == "few" else changed_expression
    rows = [
        row
        for number in range(options.studies)
        for row in tubes(np.random.default_rng([options.seed, number]))
    ]
    table = pd.DataFrame(rows)
    keys = [name for name in ("stain_index", "parents", "recipient", "donor") if name in table]
    seen = table.groupby(keys).agg(
        tubes=("covered", "size"), covered=("covered", "mean"), flagged=("flagged", "mean")
    )
    print(seen.round(3).to_string())
    columns = ["covered", "found", "value", "width", "flagged"]
    print(table.groupby([*keys, "fraction"])[columns].mean().round(4).to_string())


if __name__ == "__main__":
    main()
