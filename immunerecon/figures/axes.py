"""Axes of the field: days from infusion, cells per µL, percent, and instrument decades."""

import math
from collections.abc import Mapping, Sequence

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.lines import Line2D
from matplotlib.markers import TICKDOWN, TICKLEFT, MarkerStyle
from matplotlib.ticker import FixedFormatter, FixedLocator, LogLocator, NullFormatter, NullLocator

from immunerecon.cytometry.transforms import Scale

DAYS = (-28, -14, -7, 0, 3, 7, 14, 28, 60, 180, 365, 730, 1825)
LINEAR_DAYS = 7.0
_PLAIN_TICKS = {0.0: "0", 0.5: "0.5", 1.0: "1"}
_CLOSEST = 0.11  # of the display range; two labels nearer than this would touch
_LABELS = 4.5  # about so many labels a linear axis bears
_DECADES = (2, 3, 4, 5, 6, 7)


def set_day_axis(ax: Axes, low: float, high: float) -> None:
    """Give an axes an x axis of days from infusion: linear within a week, then logarithmic.

    Parameters
    ----------
    ax
        The axes.
    low, high
        First and last day to show.
    """
    ax.set_xscale("asinh", linear_width=LINEAR_DAYS)
    edges = np.arcsinh(np.array([low, high]) / LINEAR_DAYS)
    room = 0.04 * (edges[1] - edges[0]) or 1.0
    left, right = LINEAR_DAYS * np.sinh(np.array([edges[0] - room, edges[1] + room]))
    ax.set_xlim(left, right)
    ax.xaxis.set_major_locator(FixedLocator(DAYS))
    ax.xaxis.set_major_formatter(FixedFormatter([f"{day:d}".replace("-", "−") for day in DAYS]))
    ax.xaxis.set_minor_locator(NullLocator())
    ax.set_xlabel("Days from infusion")


def set_log_axis(ax: Axes, low: float, high: float, *, label: str) -> None:
    """Give an axes a logarithmic y axis with plain numbers at whole decades.

    Parameters
    ----------
    ax
        The axes.
    low, high
        Least and largest number to show, above 0.
    label
        Of the axis.
    """
    ax.set_yscale("log")
    ax.set_ylim(low, high)
    first, last = math.ceil(math.log10(low) - 1e-9), math.floor(math.log10(high) + 1e-9)
    decades = [10.0**power for power in range(first, last + 1)]
    ax.yaxis.set_major_locator(FixedLocator(decades))
    ax.yaxis.set_major_formatter(FixedFormatter([f"{decade:,g}" for decade in decades]))
    ax.yaxis.set_minor_locator(LogLocator(subs=tuple(range(2, 10))))
    ax.yaxis.set_minor_formatter(NullFormatter())
    ax.set_ylabel(label)


def set_display_axes(ax: Axes, x_scale: Scale | None, y_scale: Scale | None) -> None:
    """Put ticks of the instrument scale on axes that run over the display scale 0-1.

    Parameters
    ----------
    ax
        Axes whose limits are set.
    x_scale, y_scale
        Turn instrument values to display values; without one the ticks are 0, 0.5 and 1.
    """
    across = _set_ticks(ax.xaxis, x_scale)
    up = _set_ticks(ax.yaxis, y_scale)
    # Minor ticks as one line of markers: as ticks they would take most of a tree's time.
    for x, y, marker, transform in (
        (across, np.zeros(len(across)), TICKDOWN, ax.get_xaxis_transform()),
        (np.zeros(len(up)), up, TICKLEFT, ax.get_yaxis_transform()),
    ):
        line = Line2D(x, y, linestyle="none", marker=MarkerStyle(marker), transform=transform)
        line.set(
            markersize=mpl.rcParams["xtick.minor.size"],
            markeredgewidth=mpl.rcParams["xtick.minor.width"],
            color=mpl.rcParams["xtick.color"],
            clip_on=False,
            in_layout=False,  # shorter than the major ones
        )
        ax.add_artist(line)


def _set_ticks(axis: Axis, scale: Scale | None) -> list[float]:
    """Set the major ticks; return where minor ones belong."""
    low, high = axis.get_view_interval()
    major, minor = display_ticks(scale)
    shown = {place: label for place, label in major.items() if low <= place <= high}
    axis.set_major_locator(FixedLocator(list(shown)))
    axis.set_major_formatter(FixedFormatter(_thinned(shown, _CLOSEST * (high - low))))
    axis.set_minor_locator(NullLocator())
    return [place for place in minor if low <= place <= high]


def display_ticks(scale: Scale | None) -> tuple[Mapping[float, str], Sequence[float]]:
    """Return where a display axis has ticks.

    Parameters
    ----------
    scale
        Of the axis; without one the ticks are 0, 0.5 and 1.

    Returns
    -------
    major, minor
        Labels by place on the display, decades as ``$10^{3}$``; places of the ticks between.
    """
    if scale is None:
        return _PLAIN_TICKS, []
    return _round_ticks(scale) if _is_linear(scale) else _decade_ticks(scale)


def _is_linear(scale: Scale) -> bool:
    ends = scale.inverse(np.array([0.0, 1.0], dtype=np.float32))
    middle = scale.apply(np.array([ends.mean()], dtype=np.float32))
    return bool(abs(middle[0] - 0.5) < 0.01)


def _round_ticks(scale: Scale) -> tuple[dict[float, str], list[float]]:
    """Ticks of a linear scale at round numbers, labelled at every second one."""
    top = float(scale.inverse(np.array([1.0], dtype=np.float32))[0])
    decade = 10.0 ** math.floor(math.log10(top / _LABELS))
    step = next(step for step in (2, 5, 10, 20) if step * decade >= top / _LABELS) * decade
    values = np.arange(0, 1.2 * top, step / 2, dtype=np.float32)
    places = scale.apply(values)
    labels = [_tell_thousands(float(value)) for value in values[::2]]
    return dict(zip(places[::2].tolist(), labels, strict=True)), places.tolist()


def _tell_thousands(value: float) -> str:
    if value >= 1e6:
        return f"{value / 1e6:g}M"
    return f"{value / 1000:g}k" if value >= 1000 else f"{value:g}"


def _decade_ticks(scale: Scale) -> tuple[dict[float, str], list[float]]:
    """Ticks at 0 and at each decade on both sides of it, minor ones between."""
    decades = 10.0 ** np.array(_DECADES)
    places = scale.apply(np.concatenate([[0.0], decades, -decades[:2]]).astype(np.float32))
    labels = ["0", *(f"$10^{{{power}}}$" for power in _DECADES)]
    labels += [f"$-10^{{{power}}}$" for power in _DECADES[:2]]
    minor = scale.apply(np.outer(decades, np.arange(2, 10)).ravel().astype(np.float32))
    return dict(zip(places.tolist(), labels, strict=True)), minor.tolist()


def _thinned(ticks: Mapping[float, str], closest: float) -> list[str]:
    """Blank the labels that would touch: 0 stays always, then the higher of two decades."""
    kept: list[float] = []
    for place in sorted(ticks, key=lambda place: (ticks[place] != "0", -place)):
        if all(abs(place - other) >= closest for other in kept):
            kept.append(place)
    return [label if place in kept else "" for place, label in ticks.items()]
