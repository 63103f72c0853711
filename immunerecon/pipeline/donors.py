"""Donor cells of every draw: each patient's controls, the study's blanks, one estimate a tube."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from immunerecon.enumeration.donor import estimate_donor_fraction
from immunerecon.enumeration.donor_results import DonorEstimate, DonorSettings
from immunerecon.enumeration.products import product_interval
from immunerecon.pipeline.course import in_panel_order
from immunerecon.pipeline.stages import Stages
from immunerecon.pipeline.tables import table
from immunerecon.pipeline.tubes import DONOR_PARENTS
from immunerecon.study.antibodies import antigen_presence
from immunerecon.study.folder import Study
from immunerecon.study.hla import InformativeMarker, MarkerChoice, informative_markers
from immunerecon.study.manifest import Patient

Floats = NDArray[np.float32]
Markers = tuple[InformativeMarker, ...]


@dataclass(frozen=True)
class Controls:
    """What an estimate is held against.

    Parameters
    ----------
    recipient, donor
        Display values of the marker on one population, a tube each.
    blanks
        The same of other recipients who share the recipient's side of the marker.
    """

    recipient: tuple[Floats, ...]
    donor: tuple[Floats, ...]
    blanks: tuple[Floats, ...]


def donor_table(study: Study, stages: Stages, populations: pd.DataFrame) -> pd.DataFrame:
    """Return one row a draw and population (NK, T, B) of each tube with anti-HLA markers.

    Parameters
    ----------
    study, stages
        The study and its gated tubes.
    populations
        For the cells per µL that donor fractions are multiplied with.
    """
    rows = [
        row
        for patient in study.patients
        for panel in study.settings.panels
        for row in _patient_rows(study, stages, patient, panel)
    ]
    return table("donor_cells", _with_cells(study, pd.DataFrame(rows), populations))


def _patient_rows(
    study: Study, stages: Stages, patient: Patient, panel: str
) -> list[dict[str, Any]]:
    """Return the rows of one patient's draws from the infusion on."""
    draws = [
        index
        for index in stages.gated
        if (sample := study.samples[index]).role == "draw"
        and (sample.patient, sample.panel) == (patient.patient, panel)
        and sample.day is not None
        and sample.day >= 0
    ]
    markers = sorted({m for index in draws for m in _anti_hla(stages, index)})
    if not markers:
        return []
    choice = informative_markers(
        patient.recipient_hla,
        patient.donor_hla,
        markers,
        donor_marker=patient.donor_marker,
    )
    return [
        {
            "file": study.samples[index].file,
            "patient": patient.patient,
            "day": study.samples[index].day,
            "population": population,
            "panel": panel,
            **_estimated(study, stages, index, population, choice),
        }
        for index in draws
        for population in DONOR_PARENTS
    ]


def _anti_hla(stages: Stages, index: int) -> set[str]:
    """Return the anti-HLA markers that a gated tube has values of."""
    names = (name.split(" ", 2) for name in stages.gated[index].arrays)
    return {parts[2] for parts in names if parts[0] == "donor"}


def _estimated(
    study: Study, stages: Stages, index: int, population: str, choice: MarkerChoice
) -> dict[str, Any]:
    """Return the estimate of one draw and population, or why there is none."""
    arrays = stages.gated[index].arrays
    markers = tuple(m for m in choice.informative if f"donor {population} {m.marker}" in arrays)
    if not markers:
        reason = choice.why_rejected if not choice.informative else f"{population} was not gated"
        return {"marker": "", "call": "not_evaluable", "reason": reason}
    draw = _values(stages, index, population, markers)
    assert draw is not None  # the filter above
    controls = _controls(study, stages, index, population, markers)
    estimate = estimate_donor_fraction(
        draw,
        recipient=controls.recipient,
        donor=controls.donor,
        blanks=controls.blanks,
        donor_positive=[marker.donor_positive for marker in markers],
        settings=DonorSettings(seed=study.settings.seed),
    )
    return {"marker": " ".join(map(_signed, markers)), **_told(estimate)}


def _signed(marker: InformativeMarker) -> str:
    return marker.marker + ("+" if marker.donor_positive else "-")


def _values(stages: Stages, index: int, population: str, markers: Markers) -> Floats | None:
    """Return a tube's values, shape (events, markers); None where it lacks one of the markers."""
    arrays = stages.gated[index].arrays
    names = [f"donor {population} {marker.marker}" for marker in markers]
    return np.column_stack([arrays[n] for n in names]) if set(names) <= set(arrays) else None


def _controls(
    study: Study, stages: Stages, index: int, population: str, markers: Markers
) -> Controls:
    """Gather the control tubes of a draw's panel."""
    draw = study.samples[index]
    alike = _alike(study, markers)
    found: dict[str, list[Floats]] = {"recipient": [], "donor": [], "blank": []}
    for other in stages.gated:
        sample = study.samples[other]
        values = _values(stages, other, population, markers)
        if values is None or sample.panel != draw.panel:
            continue
        if sample.role == "donor_control" and sample.patient == draw.patient:
            found["donor"].append(values)
        elif other in _recipient_controls(study, sample.patient, draw.panel):
            if sample.patient == draw.patient:
                found["recipient"].append(values)
            elif sample.patient in alike:
                found["blank"].append(values)
    return Controls(*(tuple(found[key]) for key in ("recipient", "donor", "blank")))


def _recipient_controls(study: Study, patient: str, panel: str) -> set[int]:
    """Return a patient's control tubes, in their absence the draws before the infusion."""
    own = {
        index: sample
        for index, sample in enumerate(study.samples)
        if sample.patient == patient and sample.panel == panel
    }
    controls = {index for index, sample in own.items() if sample.role == "recipient_control"}
    return controls or {
        index
        for index, sample in own.items()
        if sample.role == "draw" and sample.day is not None and sample.day < 0
    }


def _alike(study: Study, markers: Markers) -> set[str]:
    """Return the recipients who stand on the recipient's side of every marker."""
    return {
        patient.patient
        for patient in study.patients
        if all(
            antigen_presence(marker.marker, patient.recipient_hla).present
            is (not marker.donor_positive)
            for marker in markers
        )
    }


def _told(estimate: DonorEstimate) -> dict[str, Any]:
    return {
        "total_events": estimate.total_events,
        "donor_events": estimate.donor_events,
        "donor_fraction": estimate.donor_fraction,
        "raw_fraction": estimate.raw_fraction,
        "fraction_low": estimate.fraction_low,
        "fraction_high": estimate.fraction_high,
        "lob": estimate.lob,
        "lod": estimate.lod,
        "loq": estimate.loq,
        "call": estimate.call,
        "reason": estimate.reason,
        "sensitivity": estimate.sensitivity,
        "specificity": estimate.specificity,
        "rogan_gladen": estimate.rogan_gladen,
        "gain_shift": estimate.gain_shift,
        "method": estimate.method,
        "flags": "; ".join(estimate.flags),
    }


def _with_cells(study: Study, rows: pd.DataFrame, populations: pd.DataFrame) -> pd.DataFrame:
    """Add donor cells per µL: the fraction times the population's count on that day."""
    if rows.empty:
        return rows
    counts = ["cells_per_ul", "cells_per_ul_low", "cells_per_ul_high"]
    place = ["patient", "day", "population"]
    draws = populations[(populations["role"] == "draw") & populations["cells_per_ul"].notna()]
    of_record = in_panel_order(study, draws).drop_duplicates(place)
    joined = rows.merge(of_record[[*place, *counts, "count_method"]], on=place, how="left")
    fraction = (joined["donor_fraction"], joined["fraction_low"], joined["fraction_high"])
    cells = (joined["cells_per_ul"], joined["cells_per_ul_low"], joined["cells_per_ul_high"])
    names = ("donor_cells_per_ul", "donor_cells_per_ul_low", "donor_cells_per_ul_high")
    donors = dict(zip(names, product_interval(fraction, cells), strict=True))
    return joined.drop(columns=counts).assign(**donors)
