"""A results folder as tables and pictures."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import Any

import pandas as pd

from immunerecon.cytometry.transforms import Scale
from immunerecon.errors import ResultsError
from immunerecon.gating.pictures import GatePicture
from immunerecon.gating.placed_gates import PlacedGates
from immunerecon.pipeline.placed_records import placed_from
from immunerecon.pipeline.provenance import SCHEMA_VERSION, read_run
from immunerecon.pipeline.records import Record, load_record
from immunerecon.pipeline.scales import scales_from
from immunerecon.pipeline.tables import COLUMNS, read_table
from immunerecon.pipeline.tubes import pictures_of
from immunerecon.study.settings import FILE as STUDY_FILE

RECORDS = "records"
INDEX = "index.json"
TRIAL = "trial"

_SHOWN = 10  # files to look at, of which a notebook shows the first


@dataclass(frozen=True)
class Results:
    """What a run found.

    Parameters
    ----------
    folder
        The results folder.
    run
        What run.json says.
    samples, populations, gates, donor_cells, persistence, recovery, cohort_recovery : DataFrame
        The tables, as the documentation of the results folder describes them.
    donor_distributions : DataFrame
        The anti-HLA marker's distribution in each tube with its fitted parts.
    patients, clinical_events, chimerism, reference_ranges : DataFrame
        What the study told, without dates and typings.
    resumed
        Whether the last call found everything done.
    """

    folder: Path
    run: Mapping[str, Any]
    samples: pd.DataFrame
    populations: pd.DataFrame
    gates: pd.DataFrame
    donor_cells: pd.DataFrame
    persistence: pd.DataFrame
    recovery: pd.DataFrame
    cohort_recovery: pd.DataFrame
    donor_distributions: pd.DataFrame
    patients: pd.DataFrame
    clinical_events: pd.DataFrame
    chimerism: pd.DataFrame
    reference_ranges: pd.DataFrame
    resumed: bool = False

    @property
    def complete(self) -> bool:
        """Whether every file could be used."""
        return not (self.samples["status"] == "failed").any()

    def pictures(self, file: str) -> tuple[GatePicture, ...]:
        """Return the pictures of a file's gates, none for a file that was not gated."""
        record = self._record(file)
        return () if record is None else pictures_of(record)

    def scales(self, file: str) -> dict[str, Scale]:
        """Return the display scale of each dimension of a file."""
        record = self._record(file)
        return {} if record is None else scales_from(record.facts["scales"])

    def placed(self, file: str) -> PlacedGates:
        """Return where the data put a file's gates, before anyone moved them.

        Raises
        ------
        ResultsError
            When the run has no gates for this file, or their record is lost.
        """
        gated = self.populations["file"].unique()
        if file not in gated:
            raise ResultsError(f"{file} was not gated in this run; gated were: {', '.join(gated)}")
        record = self._record(file)
        if record is None:
            raise ResultsError(
                f"what the run kept of {file} is missing or damaged: run the study again, what is "
                "whole stays"
            )
        return placed_from(record)

    def trial(self, name: str) -> pd.DataFrame:
        """Return a table of the trial's other outcomes, such as ``dose_escalation``.

        Raises
        ------
        ResultsError
            When there is none; says which there are, and why a table could not be made.
        """
        if name in (reasons := self.run.get("not_estimable", {})):
            raise ResultsError(f"{name}: {reasons[name]}")
        known = sorted(path.stem for path in (self.folder / TRIAL).glob("*.parquet"))
        if name not in known:
            raise ResultsError(f"there is no table {name!r} (there are: {', '.join(known)})")
        return read_table(self.folder / TRIAL, name)

    def tables(self) -> dict[str, pd.DataFrame]:
        """Return every table by name, those of the trial's other outcomes last.

        What donor fractions were fitted to is left out: it has a row for each bin of each tube.
        """
        own = {name: getattr(self, name) for name in COLUMNS if name != "donor_distributions"}
        trial = sorted(path.stem for path in (self.folder / TRIAL).glob("*.parquet"))
        return own | {name: read_table(self.folder / TRIAL, name) for name in trial}

    def _record(self, file: str) -> Record | None:
        records = self.folder / RECORDS
        try:
            key = json.loads((records / INDEX).read_text("utf-8")).get(file)
        except FileNotFoundError:
            return None
        return load_record(records, key) if key else None

    def __repr__(self) -> str:
        counts = self.samples["status"].value_counts()
        told = ", ".join(f"{counts.get(s, 0)} {s}" for s in ("ok", "flagged", "failed"))
        patients = self.samples["patient"].replace("", None).nunique()
        name = str(self.run.get("study", ""))
        return f"<Results of {name!r}: {len(self.samples)} files of {patients} patients, {told}>"

    def _repr_html_(self) -> str:
        tables = "".join(
            f"<tr><td><code>.{name}</code></td><td>{len(getattr(self, name)):,} rows</td></tr>"
            for name in COLUMNS
        )
        rows = self.samples.loc[self.samples["status"] != "ok", ["file", "status", "reason"]]
        # Those without numbers first.
        look = rows.sort_values("status", key=lambda s: s != "failed", kind="stable")
        more = f"<p>… and {len(look) - _SHOWN} more in <code>.samples</code></p>"
        listed = look.head(_SHOWN).to_html(index=False, border=0, justify="left")
        return (
            f"<p>{escape(repr(self)[1:-1])}</p><table>{tables}</table>"
            f"{listed if len(look) else ''}{more if len(look) > _SHOWN else ''}"
        )


def load_results(folder: Path | str) -> Results:
    """Open a results folder.

    Parameters
    ----------
    folder
        Written by `run_study`.

    Returns
    -------
    Results

    Raises
    ------
    ResultsError
        When it is no results folder, was not finished, or has another schema version.
    """
    folder = Path(folder)
    run = read_run(folder)
    if run is None or "ended" not in run:
        raise ResultsError(_not_finished(folder))
    if run["schema_version"] != SCHEMA_VERSION:
        raise ResultsError(
            f"{folder.name} has schema version {run['schema_version']}, this program writes and "
            f"reads {SCHEMA_VERSION}: run the study again into a new folder"
        )
    tables: dict[str, Any] = {name: read_table(folder, name) for name in COLUMNS}
    return Results(folder, run, **tables)


def _not_finished(folder: Path) -> str:
    """Say what a folder without a finished run is, and what to do."""
    if not folder.is_dir():
        return f"there is no folder {folder.name}: name the --out folder of immunerecon run"
    if (folder / STUDY_FILE).is_file():
        return f"{folder.name} is a study folder: name the --out folder of immunerecon run instead"
    return f"{folder.name} holds no finished run: run the study again, what is done stays done"
