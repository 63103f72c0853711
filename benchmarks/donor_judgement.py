"""What the tubes of the donor benchmark say: strata, methods side by side, promises and bars."""

import numpy as np
import pandas as pd

STRATUM = ["parents", "stain_index", "leak", "fraction"]
METHODS = ("estimate", "hand", "rogan_gladen", "oracle")


def summarise(rows):
    """Return one row a stratum: coverage, error, bias, detection and width of each method."""
    rows = rows[rows.call != "not_evaluable"].copy()
    for method in METHODS:
        low, high = rows[f"{method}_low"], rows[f"{method}_high"]
        rows[f"{method}_covered"] = (low <= rows.fraction) & (rows.fraction <= high)
        rows[f"{method}_error"] = (rows[f"{method}_value"] - rows.fraction).abs()
        rows[f"{method}_width"] = high - low
    kinds = ("value", "covered", "error", "width", "found")
    columns = [f"{method}_{kind}" for method in METHODS for kind in kinds]
    grouped = rows.groupby(STRATUM)
    apart = rows.oracle_found.astype(float) - rows.estimate_found.astype(float)
    table = (
        grouped[columns]
        .mean()
        .assign(
            tubes=grouped.size(),
            loq=grouped.loq.median(),
            estimate_sd=grouped.estimate_value.std(),
            loss_se=apart.groupby([rows[name] for name in STRATUM]).sem(),  # of pairs
        )
    )
    return table.reset_index()


def pooled(strata, column):
    """Return a mean over tubes."""
    return float(np.average(strata[column], weights=strata.tubes)) if len(strata) else np.nan


def relative_error(strata, method):
    """Return the mean absolute error over the oracle's, strata weighing alike."""
    scale = strata.oracle_width
    of_oracle = (strata.oracle_error / scale).sum()
    return (strata[f"{method}_error"] / scale).sum() / of_oracle if len(strata) else np.nan


def spread(share, tubes):
    """Return the binomial standard error of a share."""
    return float(np.sqrt(max(share * (1 - share), 0.5 / tubes) / tubes)) if tubes else np.nan


def worst_of(values, errors):
    """Return the largest value and its standard error; not a number where a run holds none."""
    place = values.argmax() if len(values) else None
    return (np.nan, np.nan) if place is None else (values.iloc[place], errors.iloc[place])


def spreads(strata, column):
    """Return the standard error of a share in each stratum."""
    errors = [spread(*pair) for pair in zip(strata[column], strata.tubes, strict=True)]
    return pd.Series(errors, index=strata.index, dtype=float)


def judge(strata):
    """Yield (what, value, its standard error, low bar, high bar) for each promise."""
    usual = strata[(strata.stain_index >= 4) & (strata.parents <= 10_000)]
    large = strata[(strata.stain_index >= 4) & (strata.parents > 20_000)]
    for name, some, low, high in (
        ("coverage, to 10,000 parents", usual, 0.93, 0.97),
        ("coverage, above 20,000 parents", large, 0.90, 1.0),
    ):
        value = pooled(some, "estimate_covered")
        yield name, value, spread(value, some.tubes.sum()), low, high
    value, error = worst_of(-usual.estimate_covered, spreads(usual, "estimate_covered"))
    yield "coverage, worst stratum to 10,000", -value, error, 0.88, 1.0
    sure = strata[(strata.stain_index >= 8) & (strata.fraction >= strata.loq)]
    bias = (sure.estimate_value / sure.fraction - 1).abs()
    error = sure.estimate_sd / sure.fraction / np.sqrt(sure.tubes)
    yield "bias above LOQ, index >= 8, mean", bias.mean(), error.mean(), 0, 0.05
    yield "bias above LOQ, index >= 8, worst stratum", *worst_of(bias, error), 0, 0.05
    blank = strata[strata.fraction == 0]
    value = pooled(blank, "estimate_found")
    name = f"blanks detected, of {blank.tubes.sum()}"
    yield name, value, spread(value, blank.tubes.sum()), 0, 0.065
    worst = worst_of(blank.estimate_found, spreads(blank, "estimate_found"))
    yield "blanks detected, worst stratum", *worst, 0, 0.10
    power = strata[(strata.fraction == 0.001) & (strata.parents == 10_000)]
    power = power[power.stain_index >= 4]
    clean = power[power.leak <= 0.0005]
    value, error = worst_of(-clean.estimate_found, spreads(clean, "estimate_found"))
    yield "0.1 % of 10,000 found, leak <= 0.05 %, worst", -value, error, 0.90, 1.0
    leaky = power[power.leak > 0.0005]
    loss = leaky.oracle_found - leaky.estimate_found
    worst = worst_of(loss, leaky.loss_se)
    yield "found less often than by the oracle, worst", *worst, -1, 0.05
    yield "found less often than by the oracle, mean", loss.mean(), np.nan, -1, 0.05
    for index, bar in ((8, 1.15), (4, 1.25)):
        some = usual[usual.stain_index >= 8 if index == 8 else usual.stain_index == 4]
        value = relative_error(some, "estimate")
        yield f"mean error over the oracle's, index {index}", value, np.nan, 0, bar


def show(rows):
    """Print the promises, the methods side by side, and the strata."""
    strata = summarise(rows)
    refused = rows[rows.call == "not_evaluable"].groupby("stain_index").size().to_dict()
    print(
        f"{len(rows)} tubes, {rows.seconds.mean():.3f} s of processor each; "
        f"not evaluable: {refused}\n"
    )
    print(f"       {'':<46}{'found':>8}{'SE':>9}   bar")
    for what, value, error, low, high in judge(strata):
        if np.isnan(value):
            continue  # a run of some designs does not judge all promises
        holds = "holds" if low <= value <= high else "FAILS"
        bar = f"{low:g} to {high:g}" if low > 0 and high < 1 else f">= {low:g}"
        bar = bar if low > 0 else f"<= {high:g}"
        print(f"{holds}  {what:<46}{value:8.4f}{error:9.4f}   {bar}")
    groups = {
        "index >= 4, to 10,000": (strata.stain_index >= 4) & (strata.parents <= 10_000),
        "index >= 4, above 20,000": (strata.stain_index >= 4) & (strata.parents > 20_000),
        "index 2": strata.stain_index == 2,
    }
    for name, chosen in groups.items():
        some = strata[chosen]
        print(f"\n{name:<26}{'covered':>9}{'blanks':>9}{'error':>9}{'width':>9}  (of oracle)")
        for method in METHODS:
            error = relative_error(some, method)
            width = (some[f"{method}_width"] / some.oracle_width).median()
            blanks = pooled(some[some.fraction == 0], f"{method}_found")
            covered = pooled(some, f"{method}_covered")
            print(f"{method:<26}{covered:9.3f}{blanks:9.3f}{error:9.2f}{width:9.2f}")
    columns = [
        "tubes",
        "loq",
        "estimate_covered",
        "oracle_covered",
        "estimate_value",
        "oracle_value",
        "estimate_error",
        "oracle_error",
        "estimate_found",
        "oracle_found",
    ]
    print("\n" + strata[STRATUM + columns].round(5).to_string(index=False))
