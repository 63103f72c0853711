"""Brightness that leaves the series of its patient: a draw whose markers changed abruptly."""

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from immunerecon.gating.boundaries import robust_spread
from immunerecon.gating.evidence import TubeEvidence
from immunerecon.gating.models.features import SLOPE_GRID, is_scatter

Doubles = NDArray[np.float64]

LEAST_FOLD = 2.0  # within it lots, pipetting and a cytometer's drift lie
LEAST_ERRORS = 6.0
FEWEST_CELLS = 50
_BRIGHTEST = 0.05  # display; kinds within it of the brightest bear a marker
_FLATTEST = 0.02  # display per log gain; where the display hardly moves a gain is not told
_ALIKE_FOLD, _SEEN = 1.5, 0.3  # what needs no witness, and the least share that a witness sees
_MEDIAN = 1.2533  # standard error of a median in units of a mean's


def reference_brightness(evidence: Sequence[TubeEvidence]) -> tuple[Doubles, Doubles]:
    """Return how bright each marker is in each tube, on the cells that bear it.

    Parameters
    ----------
    evidence
        Of tubes with the same kinds of cells and dimensions.

    Returns
    -------
    brightness, errors : ndarray, shape (t, d)
        Natural log of the median and its standard error; NaN where the tube shows fewer than 50
        such cells, and for scatter. The cells are those that the tube's own boundaries label, of
        the kinds that are brightest in a marker and that activation leaves as they are.
    """
    first = evidence[0]
    brightness = np.full((len(evidence), len(first.dimensions)), np.nan)
    errors = brightness.copy()
    step = SLOPE_GRID[1] - SLOPE_GRID[0]
    for number, (name, slope) in enumerate(zip(first.dimensions, first.slopes, strict=True)):
        bear = _bearing(evidence, number)
        steady = [kind for kind in bear if name not in first.moves[kind]]
        if is_scatter(name) or not steady:
            continue
        rise = np.maximum(slope, _FLATTEST)
        gain = np.cumsum(step / rise)
        for tube, told in enumerate(evidence):
            values = told.values[np.isin(told.labels, steady), number]
            if values.size >= FEWEST_CELLS:
                centre, spread = robust_spread(values)
                brightness[tube, number] = np.interp(centre, SLOPE_GRID, gain)
                error = _MEDIAN * spread / math.sqrt(values.size)
                errors[tube, number] = error / np.interp(centre, SLOPE_GRID, rise)
    return brightness, errors


def believed(brightness: Doubles, gains: Doubles) -> Doubles:
    """Return the brightness with NaN where the group's model does not see it.

    Parameters
    ----------
    brightness, gains : ndarray, shape (t, d)
        By the cells that each tube's own boundaries label, and log gains of each tube by the model
        of the group, which are drawn to those of the batch.

    Returns
    -------
    ndarray, shape (t, d)
        A tube without lymphocytes labels other cells as such; the model does not take them for any.
    """
    known = [column[np.isfinite(column)] for column in brightness.T]
    away = brightness - np.array([np.median(column) if column.size else 0 for column in known])
    seen = gains - np.median(gains, axis=0, keepdims=True)
    alike = (away * seen > 0) & (np.abs(seen) >= _SEEN * np.abs(away))
    return np.where((np.abs(away) < math.log(_ALIKE_FOLD)) | alike, brightness, np.nan)


def _bearing(evidence: Sequence[TubeEvidence], number: int) -> list[int]:
    """Return the kinds that are brightest in a marker, over all tubes."""
    labels = np.concatenate([tube.labels for tube in evidence])
    values = np.concatenate([tube.values[:, number] for tube in evidence])
    middles = {
        kind: float(np.median(values[labels == kind]))
        for kind in range(len(evidence[0].cells))
        if np.count_nonzero(labels == kind) >= FEWEST_CELLS
    }
    top = max(middles.values(), default=0.0)
    return [kind for kind, middle in middles.items() if middle >= top - _BRIGHTEST]


def brightness_flags(
    gains: Doubles, errors: Doubles, *, days: Doubles, markers: Sequence[str]
) -> list[tuple[str, ...]]:
    """Find the draws of one patient whose brightness leaves the series.

    Parameters
    ----------
    gains, errors : ndarray, shape (t, f)
        Natural log brightness of each marker in each draw and its standard error, NaN where it is
        not known; draws by ascending day.
    days : ndarray, shape (t,)
        From the infusion.
    markers : length f
        Names.

    Returns
    -------
    list of tuple of str, length t
        Flags of each draw. A single draw apart from both neighbours is named, and of a change that
        stays the first draw after it. A difference counts from two-fold and six standard errors on.

    Notes
    -----
    How bright resting cells are in the marker of their lineage is the staining and the cytometer,
    hardly biology: CD3 of T cells, CD19 of B cells are references that a tube brings along.

    Examples
    --------
    >>> gains = np.log([[1.0], [1.1], [0.3], [0.9]])
    >>> found = brightness_flags(
    ...     gains, np.full((4, 1), 0.05), days=np.array([-7, 0, 14, 28]), markers=["CD3"]
    ... )
    >>> found[2]
    ('CD3 is 3.3-fold dimmer than on days 0 and 28',)
    >>> found[3]
    ()
    """
    flags: list[list[str]] = [[] for _ in days]
    for number, marker in enumerate(markers):
        known = np.flatnonzero(np.isfinite(gains[:, number]))
        for place, words in _leaps(gains[known, number], errors[known, number], days[known]):
            flags[known[place]].append(f"{marker} is {words}")
    return [tuple(found) for found in flags]


def _leaps(gains: Doubles, errors: Doubles, days: Doubles) -> list[tuple[int, str]]:
    """Return the draws that leave the series of one marker, with what to say of each."""
    steps = np.diff(gains)
    doubt = LEAST_ERRORS * np.hypot(errors[:-1], errors[1:])
    far = np.abs(steps) > np.maximum(math.log(LEAST_FOLD), doubt)
    found = []
    draw = 1
    while draw < len(gains):
        if not far[draw - 1]:
            draw += 1
            continue
        step = float(steps[draw - 1])
        returns = draw < len(far) and far[draw] and steps[draw] * step < 0
        if draw == 1 and not returns and len(gains) > 2:
            # The first draw is the odd one where all others agree.
            found.append((0, f"{_fold(-step)} than on day {days[1]:g}"))
        elif returns:
            near = (gains[draw - 1] + gains[draw + 1]) / 2
            words = f"than on days {days[draw - 1]:g} and {days[draw + 1]:g}"
            found.append((draw, f"{_fold(float(gains[draw] - near))} {words}"))
            draw += 1
        else:
            stays = " and stays so" if draw < len(gains) - 1 else ""
            found.append((draw, f"{_fold(step)} than on day {days[draw - 1]:g}{stays}"))
        draw += 1
    return found


def _fold(step: float) -> str:
    return f"{math.exp(abs(step)):.1f}-fold {'brighter' if step > 0 else 'dimmer'}"
