"""Each gate of a panel in one row: where it lies, what is inside, what placed it."""

from dataclasses import dataclass

import pandas as pd

from immunerecon.report.contents import ReportData
from immunerecon.report.wording import tell_percent

_ORDER = ("data", "borrowed", "model", "fixed", "override")


@dataclass(frozen=True)
class GateRow:
    """One gate over the tubes of a panel; numbers as text.

    Parameters
    ----------
    panel, population, parent
        Which gate.
    shape
        Kind of gate and its dimensions.
    tubes
        In which it was placed.
    median, lowest, highest
        Percent of the parent's events inside, over the draws.
    placed_by
        How many of the gates each source placed.
    """

    panel: str
    population: str
    parent: str
    shape: str
    tubes: int
    median: str
    lowest: str
    highest: str
    placed_by: str


def gate_rows(data: ReportData) -> tuple[GateRow, ...]:
    """Return one row a panel and population, in the order of the gating.

    Parameters
    ----------
    data
        Tables of a run.
    """
    counted = data.populations.reindex(
        columns=["file", "panel", "population", "parent", "percent_of_parent", "role"]
    )
    known = data.gates.reindex(
        columns=["file", "population", "dimension_x", "dimension_y", "kind", "source"]
    )
    joined = known.merge(counted, on=["file", "population"], how="inner")
    return tuple(
        _row(str(panel), str(population), rows)
        for (panel, population), rows in joined.groupby(["panel", "population"], sort=False)
    )


def _row(panel: str, population: str, rows: pd.DataFrame) -> GateRow:
    first = rows.iloc[0]
    axes = [str(first[name]) for name in ("dimension_x", "dimension_y") if first[name]]
    shares = rows.loc[rows["role"] == "draw", "percent_of_parent"].dropna() / 100
    low, middle, high = (
        tell_percent(float(value)) for value in (shares.min(), shares.median(), shares.max())
    )
    sources = rows["source"].value_counts()
    placed = [f"{source} {sources[source]}" for source in _ORDER if source in sources]
    return GateRow(
        panel=panel,
        population=population,
        parent=str(first["parent"] or "all events"),
        shape=" ".join([str(first["kind"]), " × ".join(axes)]).strip(),
        tubes=len(rows),
        median=middle,
        lowest=low,
        highest=high,
        placed_by=", ".join(placed),
    )
