"""The trial's other outcomes beside the cells, and the statistics of its cohort."""

from collections.abc import Callable, Mapping
from functools import cache

import numpy as np
import pandas as pd

from immunerecon.errors import EstimationError
from immunerecon.kinetics.cohort_median import median_recovery_table
from immunerecon.kinetics.cohort_persistence import summarise_persistence
from immunerecon.kinetics.comparison import compare_dose_levels
from immunerecon.kinetics.landmark import landmark_table
from immunerecon.kinetics.sensitivity import sensitivity_table
from immunerecon.pipeline.course import frame_of
from immunerecon.study.folder import Study
from immunerecon.study.manifest import BloodCount
from immunerecon.trial.associations import association_table, patient_outcomes
from immunerecon.trial.baseline import baseline_table
from immunerecon.trial.chimerism import agreement_table, pair_chimerism
from immunerecon.trial.dlt import dlt_by_level, dlt_by_patient
from immunerecon.trial.dose_escalation import escalation_table
from immunerecon.trial.expansion import expansion_table
from immunerecon.trial.flow import attended_visits, patient_flow, tube_flow
from immunerecon.trial.kir_ligands import kir_mismatch_table
from immunerecon.trial.lymphopenia import lymphocyte_counts, lymphopenia_table
from immunerecon.trial.product import product_table, release_table
from immunerecon.trial.protocol import Protocol, load_protocol
from immunerecon.trial.response import best_responses, response_rates
from immunerecon.trial.toxicity import toxicity_table, worst_grades

MODEL_TRIAL = "nct00846833"
Tables = Mapping[str, pd.DataFrame]
Made = tuple[dict[str, pd.DataFrame], dict[str, str]]


def outcome_tables(study: Study, tables: Tables) -> Made:
    """Return the tables of those outcomes of the trial that need no donor cells.

    Parameters
    ----------
    study
        For its blood counts and seed.
    tables
        The tables of the run that need none either.

    Returns
    -------
    tables : dict of DataFrame
        By name.
    reasons : dict of str
        Why a table could not be made, by its name.
    """
    return _made(
        {
            **_dose_and_toxicity(study, tables),
            **_response_and_flow(tables),
            **_product(study, tables, load_protocol(MODEL_TRIAL)),
            **_cohort_recovery(study, tables),
        }
    )


def donor_outcome_tables(study: Study, tables: Tables) -> Made:
    """Return the tables of the outcomes that rest on donor cells.

    Parameters
    ----------
    study
        For its seed.
    tables
        All tables of the run.

    Returns
    -------
    tables, reasons
        As from `outcome_tables`.
    """
    return _made({**_donor_outcomes(study, tables), **_persistence(tables)})


def _made(makers: Mapping[str, Callable[[], pd.DataFrame]]) -> Made:
    made: dict[str, pd.DataFrame] = {}
    reasons: dict[str, str] = {}
    for name, make in makers.items():
        try:
            made[name] = make()
        except EstimationError as error:
            reasons[name] = str(error)
    return made, reasons


def _dose_and_toxicity(study: Study, tables: Tables) -> dict[str, Callable[[], pd.DataFrame]]:
    patients, events = tables["patients"], tables["clinical_events"]
    counts = lymphocyte_counts(frame_of(study.blood_counts, BloodCount))
    dlt, worst = (
        cache(lambda: dlt_by_patient(patients, events)),
        cache(lambda: worst_grades(events)),
    )
    return {
        "dlt": dlt,
        "dose_escalation": lambda: escalation_table(dlt_by_level(dlt())),
        "worst_grades": worst,
        "toxicity": lambda: toxicity_table(worst(), patients["patient"].tolist()),
        "lymphopenia": lambda: lymphopenia_table(
            pd.concat([counts, tables["populations"]]), tables["reference_ranges"]
        ),
    }


def _response_and_flow(tables: Tables) -> dict[str, Callable[[], pd.DataFrame]]:
    patients, events, samples = (
        tables[name] for name in ("patients", "clinical_events", "samples")
    )
    visits = attended_visits(samples)
    best = cache(lambda: best_responses(patients, events))
    return {
        "baseline": lambda: baseline_table(patients),
        "best_response": best,
        "response_rate": lambda: response_rates(best()),
        "patient_flow": lambda: patient_flow(patients, events, samples, visits=visits),
        "tube_flow": lambda: tube_flow(patients, events, samples, visits=visits),
    }


def _product(
    study: Study, tables: Tables, protocol: Protocol
) -> dict[str, Callable[[], pd.DataFrame]]:
    product = product_table(tables["populations"], tables["patients"], protocol)
    pairs_typed = [(p.patient, p.recipient_hla, p.donor_hla) for p in study.patients]
    return {
        "kir_mismatch": lambda: kir_mismatch_table(pairs_typed),
        "product": lambda: product,
        "product_release": lambda: release_table(product, protocol),
    }


def _cohort_recovery(study: Study, tables: Tables) -> dict[str, Callable[[], pd.DataFrame]]:
    recovery, events, patients = (
        tables[name] for name in ("recovery", "clinical_events", "patients")
    )
    rng = np.random.default_rng(study.settings.seed)
    return {
        "median_recovery": lambda: median_recovery_table(recovery, events, patients),
        "dose_comparison": lambda: compare_dose_levels(
            recovery, events, patients, family="exploratory", rng=rng
        ),
    }


def _donor_outcomes(study: Study, tables: Tables) -> dict[str, Callable[[], pd.DataFrame]]:
    donors, patients = tables["donor_cells"], tables["patients"]
    pairs = pair_chimerism(tables["chimerism"], donors)
    return {
        "expansion": lambda: expansion_table(donors, patients=patients["patient"].tolist()),
        "chimerism_pairs": lambda: pairs,
        "chimerism_agreement": lambda: agreement_table(pairs),
        "associations": lambda: association_table(
            patient_outcomes(
                patients,
                tables["clinical_events"],
                donor_cells=donors,
                persistence=tables["persistence"],
                recovery=tables["recovery"],
            ),
            rng=np.random.default_rng(study.settings.seed),
        ),
    }


def _persistence(tables: Tables) -> dict[str, Callable[[], pd.DataFrame]]:
    donors, events = tables["donor_cells"], tables["clinical_events"]
    return {
        "persistence_summary": lambda: summarise_persistence(tables["persistence"]),
        "persistence_sensitivity": lambda: sensitivity_table(donors, events),
        "landmark": lambda: landmark_table(donors, events),
    }
