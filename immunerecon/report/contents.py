"""What figures and report are made from: the tables of a run, and how to get at its pictures."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import pandas as pd
from matplotlib.figure import Figure

from immunerecon.cytometry.transforms import Scale
from immunerecon.figures.courses import Limits
from immunerecon.gating.pictures import GatePicture


@dataclass(frozen=True)
class Drawing:
    """A figure, the name of its files, and the rows that it draws."""

    name: str
    figure: Figure
    data: pd.DataFrame


@dataclass(frozen=True)
class ReportData:
    """All that figures and report say.

    Parameters
    ----------
    study
        Name of the study.
    samples, populations, gates, donor_cells, donor_distributions : DataFrame
        Tables of the results folder; `populations` with the study's first panel first.
    persistence, recovery, cohort_recovery : DataFrame
        Tables of the results folder.
    patients
        One row a patient: `patient` and, where known, `dose_level`, `nk_cells_per_kg`,
        `cd3_cells_per_kg`. Dates and ages are not shown.
    clinical_events
        One row an event: `patient`, `day`, `event`.
    pictures
        Returns the pictures of a file's gates, none for a file that was not gated.
    scales
        Returns the display scale of each dimension of a file.
    limits
        Thresholds and reference ranges.
    reference_ranges : DataFrame
        `population, low, high` in cells per µL.
    expansion : DataFrame
        Published criteria of expansion by patient, as `immunerecon.trial.expansion` gives them.
    chimerism_pairs, chimerism_agreement, kir_mismatch, dose_comparison : DataFrame
        Tables of the same names in ``trial/`` of the results folder.
    run
        Provenance: `versions`, `strategies`, `parameters`, `inputs`, `started`, `ended` ..., as in
        run.json.
    """

    study: str
    samples: pd.DataFrame
    populations: pd.DataFrame
    gates: pd.DataFrame
    donor_cells: pd.DataFrame
    donor_distributions: pd.DataFrame
    persistence: pd.DataFrame
    recovery: pd.DataFrame
    cohort_recovery: pd.DataFrame
    patients: pd.DataFrame
    clinical_events: pd.DataFrame
    pictures: Callable[[str], tuple[GatePicture, ...]]
    scales: Callable[[str], Mapping[str, Scale]]
    limits: Limits = field(default_factory=Limits)
    reference_ranges: pd.DataFrame = field(default_factory=pd.DataFrame)
    expansion: pd.DataFrame = field(default_factory=pd.DataFrame)
    chimerism_pairs: pd.DataFrame = field(default_factory=pd.DataFrame)
    chimerism_agreement: pd.DataFrame = field(default_factory=pd.DataFrame)
    kir_mismatch: pd.DataFrame = field(default_factory=pd.DataFrame)
    dose_comparison: pd.DataFrame = field(default_factory=pd.DataFrame)
    run: Mapping[str, Any] = field(default_factory=dict)

    @property
    def draws(self) -> pd.DataFrame:
        """Rows of `samples` that are draws of a patient, by patient and day."""
        samples = self.samples
        told = (samples["role"] == "draw") & (samples["patient"].fillna("") != "")
        return samples[told & samples["day"].notna()].sort_values(["patient", "day"], kind="stable")

    @property
    def patient_ids(self) -> list[str]:
        """Patients in the order of the study, then those that only `samples` names."""
        drawn = self.draws["patient"]
        return list(dict.fromkeys([*self.patients["patient"], *drawn]))
