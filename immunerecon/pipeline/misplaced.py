"""Tubes that carry another panel than samples.csv says, told by their markers."""

from collections import Counter
from collections.abc import Mapping

from immunerecon.pipeline.plan import GATED_ROLES
from immunerecon.pipeline.records import Record
from immunerecon.study.folder import Study

Stained = frozenset[str]
_NO_STAIN = ("FSC", "SSC", "TIME")


def misplaced_tubes(study: Study, surveys: Mapping[int, Record]) -> dict[int, str]:
    """Return why tubes are refused whose markers are those of another panel of the study.

    Parameters
    ----------
    study
        The study.
    surveys
        Of its tubes, by position in samples.csv; `markers` among their facts.

    Returns
    -------
    dict of str
        By position. A panel's markers are those that more than half of its tubes have: a tube that
        lacks one, or has one more, is no tube of another panel.
    """
    stained = {
        index: frozenset(m for m in survey.facts["markers"] if not m.upper().startswith(_NO_STAIN))
        for index, survey in surveys.items()
        if study.samples[index].role in GATED_ROLES
    }
    usual = _usual(study, stained)
    reasons = {}
    for index, markers in stained.items():
        panel = study.samples[index].panel
        own = usual.get(panel)
        others = [other for other, theirs in usual.items() if theirs == markers != own]
        if own is not None and others:
            reasons[index] = (
                f"its markers ({', '.join(sorted(markers))}) are those of panel "
                f"{' or '.join(map(repr, others))}, not of {panel!r} as samples.csv says "
                f"({', '.join(sorted(own))}). Correct the column panel, or the file"
            )
    return reasons


def _usual(study: Study, stained: Mapping[int, Stained]) -> dict[str, Stained]:
    """Return the markers that more than half of a panel's tubes have."""
    tubes: dict[str, Counter[Stained]] = {}
    for index, markers in stained.items():
        tubes.setdefault(study.samples[index].panel, Counter())[markers] += 1
    most = {panel: counts.most_common(1)[0] for panel, counts in tubes.items()}
    return {panel: markers for panel, (markers, n) in most.items() if 2 * n > tubes[panel].total()}
