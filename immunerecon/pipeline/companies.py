"""Which tubes are placed together: enough to help each other, not more than memory is for."""

from collections.abc import Mapping

from immunerecon.gating.borrowing import TubeIdentity

MOST_TUBES = 400  # of a panel and instrument; the group model needs about 0.9 MB for each


def companies(
    identities: Mapping[int, TubeIdentity], *, most: int = MOST_TUBES
) -> list[tuple[int, ...]]:
    """Divide tubes into companies of one panel and instrument, each with whole patients.

    Parameters
    ----------
    identities
        Of each tube, by its number.
    most
        Tubes of a company, give or take half a patient. A patient with more is not divided; tubes
        that belong to nobody are.

    Returns
    -------
    list of tuple of int
        Every number once, in ascending order within a company.

    Notes
    -----
    A panel that is run on one cytometer more than `most` times is divided into companies of about
    the same size, patients in the order of their names. Four hundred tubes know what there is to
    know of a panel; the patient's own draws, which help most, stay together.

    Examples
    --------
    >>> tubes = [TubeIdentity(patient, "nk", "draw", 0.0, "A") for patient in "RPQPQ"]
    >>> companies(dict(enumerate(tubes)), most=3)
    [(1, 3), (0, 2, 4)]
    """
    groups: dict[tuple[str, str], dict[tuple[str, int], list[int]]] = {}
    for number, who in sorted(identities.items()):
        patients = groups.setdefault((who.panel, who.instrument), {})
        patients.setdefault((who.patient, -1 if who.patient else number), []).append(number)
    return [
        company
        for _, patients in sorted(groups.items())
        for company in _divided([patients[name] for name in sorted(patients)], most)
    ]


def _divided(patients: list[list[int]], most: int) -> list[tuple[int, ...]]:
    """Divide the tubes of patients into the fewest companies, as even as whole patients allow."""
    total = sum(map(len, patients))
    wanted = total / -(-total // most)
    parts: dict[int, list[int]] = {}
    before = 0
    for tubes in patients:
        # The middle of a patient's tubes says where all of them go.
        parts.setdefault(int((before + len(tubes) / 2) / wanted), []).extend(tubes)
        before += len(tubes)
    return [tuple(sorted(part)) for part in parts.values()]
