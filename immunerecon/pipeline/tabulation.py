"""All tables of a run: those that need no donor cells are made while processes estimate these."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from immunerecon.pipeline.course import course_table, recovery_tables, study_tables
from immunerecon.pipeline.crews import Crew
from immunerecon.pipeline.donors import (
    begin_donors,
    distributions_table,
    donor_table,
    finish_donors,
)
from immunerecon.pipeline.stages import Stages
from immunerecon.pipeline.trial_tables import donor_outcome_tables, outcome_tables
from immunerecon.pipeline.tube_tables import tube_tables
from immunerecon.study.folder import Study


@dataclass(frozen=True)
class Tabulated:
    """What a run found.

    Parameters
    ----------
    tables, outcomes
        The tables of the results folder, and those of the trial's other outcomes, by name.
    not_estimable
        Why an outcome's table could not be made, by its name.
    """

    tables: Mapping[str, pd.DataFrame]
    outcomes: Mapping[str, pd.DataFrame]
    not_estimable: Mapping[str, str]


def tabulate(study: Study, stages: Stages, records: Path, *, workers: Crew) -> Tabulated:
    """Estimate donor cells and make all tables.

    Parameters
    ----------
    study, stages
        The study and its gated tubes.
    records
        Folder of the records; what is found there is not done again.
    workers
        Processes, a cluster, or a share of a job array.
    """
    asked, estimates = begin_donors(study, stages, records, workers=workers)
    of_tubes, of_study = tube_tables(study, stages), study_tables(study)
    populations = of_tubes["populations"]
    recovery = recovery_tables(study, populations)
    early, early_reasons = outcome_tables(study, {**of_tubes, **recovery, **of_study})
    made = finish_donors(asked, estimates)
    donor_cells = donor_table(study, asked, made, populations)
    tables = {
        **of_tubes,
        "donor_cells": donor_cells,
        "donor_distributions": distributions_table(study, asked, made),
        "persistence": course_table(study, donor_cells),
        **recovery,
        **of_study,
    }
    late, late_reasons = donor_outcome_tables(study, tables)
    return Tabulated(tables, {**early, **late}, {**early_reasons, **late_reasons})
