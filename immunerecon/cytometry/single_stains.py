"""Spillover from single-stain controls."""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from immunerecon.cytometry.spillover import Spillover
from immunerecon.cytometry.tube import Events, Tube
from immunerecon.errors import CompensationError

Kept = NDArray[np.bool_]
Light = NDArray[np.float64]

MIN_EVENTS = 100
# Distance of the bright population from the negative one, in spreads of the negative one.
MIN_SEPARATION = 5.0
# Events that reach this share of the top of the scale may be cut off there.
SATURATED = 0.98
SCATTER_SPREADS = 3.0
# Below this share of the scale's top a detector shows mostly noise.
DIM_SHARE = 5e-4
MIN_GAP = 2.5
_TO_SD = 1.4826


def spillover_from_controls(
    controls: Mapping[str, Tube], unstained: Tube | None = None
) -> Spillover:
    """Estimate the spillover matrix from one single-stain tube a channel.

    Parameters
    ----------
    controls
        Channel name to the tube stained for that channel alone, cells or beads, uncompensated.
    unstained
        The same cells without any dye. Where it is missing, or holds no events like the bright
        ones (beads against cells), the negative events of each single stain serve.

    Returns
    -------
    Spillover
        Over the channels of `controls`, values below 0 set to 0.

    Raises
    ------
    MarkerError
        When a tube lacks a channel.
    CompensationError
        When a tube has no bright population clear of the negative one, or fewer than 100 bright
        or negative events.

    Notes
    -----
    Bright events are those beyond five spreads of the negative ones and below saturation. Both
    are compared inside the bright ones' scatter, so that they differ by the dye and not by the
    kind of cell. The spillover into a detector is the difference of its medians over that
    in the stained channel; medians bear a few stray events. For tubes stained throughout this is
    the estimate of flowCore's ``spillover(method = "median")``.

    References
    ----------
    Roederer 2001, Cytometry 45:194,
    doi:10.1002/1097-0320(20011101)45:3<194::AID-CYTO1163>3.0.CO;2-C.

    Examples
    --------
    >>> import numpy as np
    >>> from immunerecon.cytometry.tube import Channel, Tube
    >>> rng = np.random.default_rng(0)
    >>> channels = (Channel("FITC-A", "", 1e5), Channel("PE-A", "", 1e5))
    >>> dye = np.repeat([0.0, 5000.0], 500)[:, None] * rng.lognormal(0, 0.2, (1000, 1))
    >>> noise = rng.normal(0, 20, (1000, 2))
    >>> fitc = Tube(np.float32(dye * [1, 0.2] + noise), channels)
    >>> pe = Tube(np.float32(dye * [0.05, 1] + noise), channels)
    >>> spillover_from_controls({"FITC-A": fitc, "PE-A": pe}).matrix.round(2)
    array([[1.  , 0.2 ],
           [0.05, 1.  ]])
    """
    channels = tuple(controls)
    matrix = np.eye(len(channels))
    for row, (channel, tube) in enumerate(controls.items()):
        light = _dye_light(channel, tube, unstained, channels)
        matrix[row] = np.maximum(light / light[row], 0.0)
    return Spillover(channels, matrix, "controls")


def _dye_light(
    channel: str, tube: Tube, unstained: Tube | None, channels: tuple[str, ...]
) -> Light:
    """Return what each detector sees of the dye: the bright events' median less the dim ones'."""
    values = tube.values(channel)
    if unstained is not None:
        dim = unstained.values(channel)
    else:
        dim = _dim_group(channel, values, tube.channels[tube.index(channel)].maximum)
    center, spread = _center_and_spread(dim)
    threshold = center + MIN_SEPARATION * spread
    bright = (values > threshold) & ~_saturated(tube, channels)
    if bright.sum() < MIN_EVENTS:
        raise CompensationError(
            f"the single stain for {channel} has {bright.sum()} bright events below saturation, "
            f"{MIN_EVENTS} are needed",
            remedy="Acquire more events, lower the voltage or take compensation beads",
        )
    bright &= _alike(tube, bright, tube)
    candidates = [(tube, values <= threshold)]
    if unstained is not None:
        candidates.insert(0, (unstained, np.ones(unstained.n_events, dtype=bool)))
    for other, events in candidates:
        negative = events & _alike(tube, bright, other)
        if negative.sum() >= MIN_EVENTS:
            return _medians(tube, bright, channels) - _medians(other, negative, channels)
    raise CompensationError(
        f"the single stain for {channel} has fewer than {MIN_EVENTS} negative events that scatter "
        "light as its bright ones do",
        remedy="Add an unstained tube of the same cells or beads",
    )


def _saturated(tube: Tube, channels: tuple[str, ...]) -> Kept:
    """Return which events reach the top of the scale in a channel."""
    saturated = np.zeros(tube.n_events, dtype=bool)
    for name in channels:
        saturated |= tube.values(name) >= SATURATED * tube.channels[tube.index(name)].maximum
    return saturated


def _dim_group(channel: str, values: Events, maximum: float) -> Events:
    """Return the dimmer of the two groups that part a channel best (Otsu's rule).

    Two populations lie further apart than the halves of one, whose medians differ by about
    1.3 times the sum of their spreads.
    """
    scale = np.arcsinh(values / (DIM_SHARE * maximum))
    counts, edges = np.histogram(scale, bins=256)
    sums = np.cumsum(counts * (edges[:-1] + edges[1:]) / 2)
    below = np.cumsum(counts)[:-1]
    above = values.size - below
    between = below * above * (sums[:-1] / below - (sums[-1] - sums[:-1]) / above) ** 2
    is_dim = scale < edges[np.argmax(between) + 1]
    dim, bright = _center_and_spread(scale[is_dim]), _center_and_spread(scale[~is_dim])
    if bright[0] - dim[0] < MIN_GAP * (bright[1] + dim[1]):
        raise CompensationError(
            f"the single stain for {channel} has no negative population apart from its bright one",
            remedy="Add an unstained tube of the same cells or beads",
        )
    return np.asarray(values[is_dim])


def _center_and_spread(values: Events) -> tuple[float, float]:
    """Return median and robust standard deviation."""
    center = float(np.median(values))
    return center, _TO_SD * float(np.median(np.abs(values - center)))


def _alike(tube: Tube, bright: Kept, other: Tube) -> Kept:
    """Return which events of the other tube scatter light as the bright ones of the first do."""
    kept = np.ones(other.n_events, dtype=bool)
    for channel in tube.channels:
        if channel.is_scatter and any(same.name == channel.name for same in other.channels):
            center, spread = _center_and_spread(tube.values(channel.name)[bright])
            kept &= np.abs(other.values(channel.name) - center) <= SCATTER_SPREADS * spread
    return kept


def _medians(tube: Tube, kept: Kept, channels: tuple[str, ...]) -> Light:
    """Return the median of the kept events in every channel."""
    return np.array([np.median(tube.values(channel)[kept]) for channel in channels], dtype=float)
