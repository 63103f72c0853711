"""Gates on the density of their parent."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap, LogNorm
from matplotlib.font_manager import FontProperties

from immunerecon.cytometry.transforms import Scale
from immunerecon.figures.axes import set_display_axes
from immunerecon.figures.gate_labels import place_labels
from immunerecon.figures.gate_shapes import gate_patch
from immunerecon.figures.style import INK, MUTED, points, population_look
from immunerecon.gating.engine import LOW_CONFIDENCE
from immunerecon.gating.pictures import BINS, HIGH, LOW, GatePicture

Scales = Mapping[str, Scale]

# From a grey that one event shows in, to ink; empty bins stay paper.
DENSITY = LinearSegmentedColormap.from_list("density", ["#c3c8cf", "#8b939e", "#4a5058", "#16181b"])
FEW_EVENTS = 2000  # below which single events are drawn larger than a bin
_SOURCES = {"borrowed": "borrowed", "override": "by hand"}


def draw_gate(
    picture: GatePicture, *, ax: Axes, x_scale: Scale | None = None, y_scale: Scale | None = None
) -> Axes:
    """Draw a gate on the density of its parent, with the share of the parent inside it.

    Parameters
    ----------
    picture
        The gate and its parent's events.
    ax
        Where to draw.
    x_scale, y_scale
        The display scales of the two dimensions; without them the axes run from 0 to 1.

    Returns
    -------
    Axes
        `ax`. A dashed outline marks a gate of low confidence (below 0.5).

    Examples
    --------
    >>> from matplotlib.figure import Figure
    >>> from immunerecon.gating.geometry.gates import Range, RectangleGate
    >>> gate = RectangleGate({"CD3": Range(high=0.5), "CD56": Range(low=0.4)})
    >>> counts = np.zeros((96, 96), dtype=np.uint32)
    >>> picture = GatePicture("NK", "Lymphocytes", "CD3", "CD56", counts, gate, 0, 0, "data", 1.0)
    >>> draw_gate(picture, ax=Figure().add_subplot()).get_ylabel()
    'CD56'
    """
    _draw_density(picture, ax)
    _outline_gates([picture], ax)
    _dress(picture, ax, {picture.x: x_scale, picture.y: y_scale})
    return ax


@dataclass(frozen=True)
class GatePanel:
    """Gates that share a parent and two dimensions, and so one pair of axes.

    Parameters
    ----------
    pictures
        At least one, all in the dimensions (x, y) of the first.
    """

    pictures: tuple[GatePicture, ...]


def panels_of(pictures: Sequence[GatePicture]) -> tuple[GatePanel, ...]:
    """Put gates of the same parent and dimensions on one panel.

    Parameters
    ----------
    pictures
        Of one tube, in the order of gating.

    Returns
    -------
    tuple of GatePanel
        In the order in which their parents were gated.
    """
    panels: dict[tuple[str, frozenset[str]], list[GatePicture]] = {}
    for picture in pictures:
        panel = panels.setdefault((picture.parent, frozenset((picture.x, picture.y))), [])
        panel.append(picture if not panel or panel[0].x == picture.x else _transposed(picture))
    place = {picture.population: order for order, picture in enumerate(pictures)}
    ordered = sorted(panels.values(), key=lambda panel: place.get(panel[0].parent, -1))
    return tuple(GatePanel(tuple(panel)) for panel in ordered)


def draw_panel(panel: GatePanel, *, ax: Axes, scales: Scales | None = None) -> Axes:
    """Draw gates that share a parent and dimensions on one density.

    Parameters
    ----------
    panel
        The gates.
    ax
        Where to draw.
    scales
        Display scale of each dimension, where known.

    Returns
    -------
    Axes
        `ax`.
    """
    first = panel.pictures[0]
    _draw_density(first, ax)
    _outline_gates(panel.pictures, ax)
    _dress(first, ax, scales or {})
    return ax


def _transposed(picture: GatePicture) -> GatePicture:
    return replace(picture, x=picture.y, y=picture.x, counts=picture.counts.T)


def _draw_density(picture: GatePicture, ax: Axes) -> None:
    """Draw the events of a picture's parent: a density, or single events where they are few."""
    extent = (LOW, HIGH, LOW, HIGH)
    counts = picture.counts.T
    if picture.parent_count < FEW_EVENTS:
        up, across = np.nonzero(counts)
        middle = LOW + (np.arange(BINS) + 0.5) * (HIGH - LOW) / BINS
        ax.scatter(
            middle[across],
            middle[up],
            s=1.6,
            c=counts[up, across],
            cmap=DENSITY,
            norm=density_norm(picture),
            linewidths=0,
            rasterized=True,
        )
    else:
        shown = np.ma.masked_equal(counts, 0)
        ax.imshow(
            shown,
            origin="lower",
            extent=extent,
            cmap=DENSITY,
            norm=density_norm(picture),
            interpolation="nearest",
            aspect="auto",
        )
    ax.set_xlim(LOW, HIGH)
    ax.set_ylim(LOW, HIGH)


def density_norm(picture: GatePicture) -> LogNorm:
    """Return how dark a bin is by its events: single ones are seen where they are few."""
    if picture.parent_count < FEW_EVENTS:
        return LogNorm(vmin=0.2, vmax=10)
    return LogNorm(vmin=1, vmax=max(30.0, float(picture.counts.max())))


def _outline_gates(pictures: Sequence[GatePicture], ax: Axes) -> None:
    """Draw the gates of a panel and label each with its share of the parent."""
    drawn = [picture for picture in pictures if picture.gate is not None]
    for picture in drawn:
        colour = population_look(picture.population).colour
        fill, outline = gate_patch(picture), gate_patch(picture)
        fill.set(facecolor=colour, edgecolor="none", alpha=0.07)
        dash = "dashed" if picture.confidence < LOW_CONFIDENCE else "solid"
        outline.set(fill=False, edgecolor=colour, linestyle=dash, linewidth=points(0.9))
        for patch in (fill, outline):
            ax.add_patch(patch)
    if not drawn:
        return
    labels = [gate_label(picture) for picture in drawn]
    size = FontProperties(size="small").get_size_in_points()
    boxes = place_labels(drawn, labels, ax=ax, size=size)
    for picture, label, box in zip(drawn, labels, boxes, strict=True):
        ax.text(
            (box.left + box.right) / 2,
            (box.bottom + box.top) / 2,
            label,
            color=population_look(picture.population).text_colour,
            fontsize="small",
            horizontalalignment="center",
            verticalalignment="center",
            linespacing=1.1,
            bbox={"facecolor": "white", "alpha": 0.6, "linewidth": 0, "pad": 0.5},
        )


def gate_label(picture: GatePicture) -> str:
    r"""Return a gate's name, its share of the parent, and what placed it if not the data.

    Examples
    --------
    >>> counts = np.zeros((96, 96), dtype=np.uint32)
    >>> gate_label(GatePicture("NK", "T", "CD3", "CD56", counts, None, 25, 200, "override", 1.0))
    'NK\n12.5 %, by hand'
    """
    name = picture.population.replace("_", " ")
    how = _SOURCES.get(picture.source)
    return f"{name}\n{share(picture.count, picture.parent_count)}" + (f", {how}" if how else "")


def share(count: int, parent_count: int) -> str:
    """Return a percentage of the parent in three digits, a dash where there is no parent event.

    Examples
    --------
    >>> share(1, 3), share(3, 4000), share(0, 0)
    ('33.3 %', '0.075 %', '–')
    """
    if parent_count == 0:
        return "–"
    percent = 100 * count / parent_count
    digits = 0 if percent in (0, 100) else max(0, 2 - math.floor(math.log10(percent)))
    return f"{percent:.{min(digits, 3)}f} %"


def _dress(picture: GatePicture, ax: Axes, scales: Mapping[str, Scale | None]) -> None:
    """Name the axes and the parent."""
    ax.set_xlabel(picture.x)
    ax.set_ylabel(picture.y)
    set_display_axes(ax, scales.get(picture.x), scales.get(picture.y))
    ax.tick_params(labelsize="small")
    parent = picture.parent.replace("_", " ") or "Clean events"
    ax.set_title(parent, loc="left")
    ax.set_title(
        f"{picture.parent_count:,}", loc="right", fontweight="normal", color=MUTED, fontsize="small"
    )
    for side in ax.spines.values():
        side.set(visible=True, color=INK)
