"""From the tables of draws to the tables over time."""

from collections.abc import Sequence

import pandas as pd
from pydantic import BaseModel

from immunerecon.kinetics.cohort import cohort_recovery_table
from immunerecon.kinetics.persistence import persistence_table
from immunerecon.kinetics.recovery import recovery_table
from immunerecon.pipeline.tables import COLUMNS, table, typed
from immunerecon.study.folder import Study
from immunerecon.study.manifest import Chimerism, ClinicalEvent, Patient, ReferenceRange


def course_table(study: Study, donor_cells: pd.DataFrame) -> pd.DataFrame:
    """Return the table `persistence` of donor cells, from that of draws."""
    events = frame_of(study.clinical_events, ClinicalEvent)
    return table("persistence", persistence_table(donor_cells, events))


def recovery_tables(study: Study, populations: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """Return the tables `recovery` and `cohort_recovery`.

    Parameters
    ----------
    study
        For its clinical events, patients, thresholds and order of panels.
    populations
        The table of draws.
    """
    events = frame_of(study.clinical_events, ClinicalEvent)
    draws = in_panel_order(study, populations[populations["role"] == "draw"])
    recovery = recovery_table(
        draws,
        events,
        thresholds=study.settings.recovery_thresholds,
        confirm=study.settings.confirm_recovery,
    )
    cohort = cohort_recovery_table(recovery, events, frame_of(study.patients, Patient))
    return {
        "recovery": table("recovery", recovery),
        "cohort_recovery": table("cohort_recovery", cohort),
    }


def study_tables(study: Study) -> dict[str, pd.DataFrame]:
    """Return the tables of the study itself that results are read with."""
    told: dict[str, tuple[Sequence[BaseModel], type[BaseModel]]] = {
        "patients": (study.patients, Patient),
        "clinical_events": (study.clinical_events, ClinicalEvent),
        "chimerism": (study.chimerism, Chimerism),
        "reference_ranges": (study.reference_ranges, ReferenceRange),
    }
    return {
        name: frame_of(rows, model)[list(COLUMNS[name])] for name, (rows, model) in told.items()
    }


def in_panel_order(study: Study, rows: pd.DataFrame) -> pd.DataFrame:
    """Return rows ordered by panel as study.yaml lists them; the first that has a number counts."""
    order = {panel: place for place, panel in enumerate(study.settings.panels)}
    return rows.sort_values("panel", key=lambda panels: panels.map(order), kind="stable")


def frame_of(rows: Sequence[BaseModel], model: type[BaseModel]) -> pd.DataFrame:
    """Return rows of a table as a DataFrame that has all columns even without rows."""
    columns = list(model.model_fields)
    return typed(pd.DataFrame([row.model_dump() for row in rows], columns=columns))
