"""The tubes of a study help each other: one model a panel and cytometer, boundaries by batch."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from immunerecon.gating.boundaries import Boundary
from immunerecon.gating.evidence import TubeEvidence
from immunerecon.gating.models.group_model import GroupModel, fit_group
from immunerecon.gating.placement import Placement
from immunerecon.gating.series import believed, brightness_flags, reference_brightness
from immunerecon.gating.standard_errors import borrowed_error

Doubles = NDArray[np.float64]

_CONFIDENT = 0.5  # boundaries below this are replaced, and vouch for no other
_FEWEST_NEIGHBOURS = 2
_LEAST_ODDS = 0.06  # display; a clear boundary is kept unless farther than this from its batch's
_RESTING_UNTIL_DAY, _RESTING_FROM_DAY = 0, 28  # IL-2 is given in the first two weeks


@dataclass(frozen=True)
class TubeIdentity:
    """What is known of a tube beside its events.

    Parameters
    ----------
    patient, panel, role
        As in samples.csv.
    day
        From the infusion; None for controls.
    instrument
        What tubes must share to share display scales.
    batch
        Acquisition batch; empty where nobody named it.
    """

    patient: str
    panel: str
    role: str
    day: float | None
    instrument: str
    batch: str = ""


def borrow(
    evidence: Mapping[int, TubeEvidence], identities: Mapping[int, TubeIdentity]
) -> dict[int, Placement]:
    """Place the gates of every tube by what all tubes of a study know.

    Parameters
    ----------
    evidence
        Of each tube, by its number.
    identities
        Of each tube, by the same number.

    Returns
    -------
    dict of Placement
        By number, in ascending order. The order in which tubes were looked at plays no part.
    """
    groups: dict[tuple[object, ...], list[int]] = {}
    for number in sorted(evidence):
        who, what = identities[number], evidence[number]
        key = (who.panel, who.instrument, what.cells, what.dimensions)
        groups.setdefault(key, []).append(number)
    placed = {
        number: placement
        for members in groups.values()
        for number, placement in zip(
            members,
            _place([evidence[i] for i in members], [identities[i] for i in members]),
            strict=True,
        )
    }
    return dict(sorted(placed.items()))


def _place(evidence: Sequence[TubeEvidence], identities: Sequence[TubeIdentity]) -> list[Placement]:
    """Place the gates of the tubes of one panel and instrument."""
    labels = _labels(identities)
    model = fit_group(evidence, labels=labels, resting=_resting(identities))
    batches = labels if model is None else model.batches
    boundaries = _borrowed_boundaries(evidence, batches)
    if model is None:
        return [
            Placement(borrowed, batch=int(b))
            for borrowed, b in zip(boundaries, batches, strict=True)
        ]
    errors, flags = _errors(model), _series_flags(evidence, identities, model)
    return [
        Placement(
            borrowed,
            model.mixture,
            model.means[tube],
            errors[tube],
            int(batches[tube]),
            flags.get(tube, ()),
        )
        for tube, borrowed in enumerate(boundaries)
    ]


def _series_flags(
    evidence: Sequence[TubeEvidence], identities: Sequence[TubeIdentity], model: GroupModel
) -> dict[int, tuple[str, ...]]:
    """Return the flags of draws whose markers leave the series of their patient."""
    brightness, errors = reference_brightness(evidence)
    brightness = believed(brightness, model.shifts.gains[:, : brightness.shape[1]])
    series: dict[str, list[tuple[float, int]]] = {}
    for tube, who in enumerate(identities):
        if who.role == "draw" and who.day is not None:
            series.setdefault(who.patient, []).append((who.day, tube))
    flags: dict[int, tuple[str, ...]] = {}
    for draws in series.values():
        days, tubes = (list(part) for part in zip(*sorted(draws), strict=True))
        told = brightness_flags(
            brightness[tubes],
            errors[tubes],
            days=np.array(days, dtype=np.float64),
            markers=evidence[0].dimensions,
        )
        flags |= dict(zip(tubes, told, strict=True))
    return flags


def _labels(identities: Sequence[TubeIdentity]) -> NDArray[np.intp]:
    """Return numbers of the named batches; a tube without one stands for itself.

    Controls and products are other material than blood, and may be stained on another day.
    """
    names = [
        f"{who.batch} {who.role}" if who.batch else f"tube {position}"
        for position, who in enumerate(identities)
    ]
    return np.unique(names, return_inverse=True)[1].astype(np.intp)


def _resting(identities: Sequence[TubeIdentity]) -> NDArray[np.bool_]:
    """Return which draws are from before the infusion or long enough after it."""
    return np.array(
        [
            who.role == "draw"
            and who.day is not None
            and not _RESTING_UNTIL_DAY < who.day < _RESTING_FROM_DAY
            for who in identities
        ]
    )


def _errors(model: GroupModel) -> Doubles:
    """Return the standard error of each kind's centre in each tube, shape (t, k, d)."""
    return np.abs(model.slopes) * model.shifts.errors[:, model.levers.of_mean]


def _borrowed_boundaries(
    evidence: Sequence[TubeEvidence], batches: NDArray[np.intp]
) -> list[dict[str, Boundary]]:
    """Return for each tube the boundaries that its neighbours place better than it does."""
    borrowed: list[dict[str, Boundary]] = [{} for _ in evidence]
    own = [{found.name: found for found in tube.boundaries} for tube in evidence]
    for name in dict.fromkeys(name for boundaries in own for name in boundaries):
        clear = [
            (boundaries[name], batch)
            for boundaries, batch in zip(own, batches, strict=True)
            if name in boundaries and boundaries[name].confidence >= _CONFIDENT
        ]
        if len(clear) < _FEWEST_NEIGHBOURS:
            continue
        everywhere = np.array([found.value for found, _ in clear])
        limit = max(_LEAST_ODDS, 4 * float(np.median(np.abs(everywhere - np.median(everywhere)))))
        for tube, batch in enumerate(batches):
            near = [found for found, other in clear if other == batch]
            near = near if len(near) >= _FEWEST_NEIGHBOURS else [found for found, _ in clear]
            value = float(np.median([found.value for found in near]))
            mine = own[tube].get(name)
            if mine is not None and (
                mine.source == "fixed"
                or (mine.confidence >= _CONFIDENT and abs(mine.value - value) <= limit)
            ):
                continue
            trust = float(np.median([found.confidence for found in near]))
            error = borrowed_error(near)
            borrowed[tube][name] = Boundary(
                name, near[0].marker, value, "borrowed", trust, near[0].method, error
            )
    return borrowed
