"""The flow of patients and tubes through a study, in the manner of CONSORT."""

from dataclasses import dataclass

from immunerecon.report.contents import ReportData
from immunerecon.report.wording import tell_count

ROLES = {
    "draw": "draw",
    "recipient_control": "recipient control",
    "donor_control": "donor control",
    "product": "product",
    "single_stain": "single stain",
    "unstained": "unstained tube",
    "fmo": "FMO control",
}


@dataclass(frozen=True)
class Step:
    """One box of the flow.

    Parameters
    ----------
    number
        How many are left.
    noun
        Of what.
    lost
        What became of the others since the box before, one line each.
    """

    number: int
    noun: str
    lost: tuple[str, ...] = ()


def patient_flow(data: ReportData) -> tuple[Step, ...]:
    """Return how many patients reach each part of the evaluation.

    Parameters
    ----------
    data
        Tables of a run.
    """
    everyone = set(data.patient_ids)
    usable = data.draws[(data.draws["status"] != "failed") & (data.draws["day"] > 0)]
    followed = set(usable["patient"]) & everyone
    donors = data.donor_cells
    told = set(donors.loc[donors["call"] != "not_evaluable", "patient"]) & everyone
    recovery = data.recovery
    judged = set(recovery.loc[recovery["status"] != "not_evaluable", "patient"]) & everyone
    return (
        Step(len(everyone), "patients in the study"),
        Step(len(followed), "with a usable draw after infusion", _without(everyone - followed)),
        Step(len(judged), "evaluable for recovery", _without(followed - judged)),
        Step(len(told), "evaluable for donor cells", _without(followed - told)),
    )


def tube_flow(data: ReportData) -> tuple[Step, ...]:
    """Return how many files were there, gated, and usable without a second look.

    Parameters
    ----------
    data
        Tables of a run.
    """
    samples = data.samples
    status = samples["status"].value_counts()
    failed, flagged = int(status.get("failed", 0)), int(status.get("flagged", 0))
    roles = samples["role"].map(ROLES).value_counts()
    kinds = tuple(tell_count(int(number), str(role)) for role, number in roles.items())
    return (
        Step(len(samples), "FCS files", kinds),
        Step(len(samples) - failed, "read", _told(failed, "failed")),
        Step(int(status.get("ok", 0)), "without a flag", _told(flagged, "flagged")),
    )


def _told(number: int, what: str) -> tuple[str, ...]:
    return (f"{number} {what}",) if number else ()


def _without(patients: set[str]) -> tuple[str, ...]:
    return (f"not: {', '.join(sorted(patients))}",) if patients else ()
