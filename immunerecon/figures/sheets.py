"""One gate of every tube on one sheet, so that an outlier among hundreds is seen at a glance."""

import math
from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.collections import PatchCollection
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties
from matplotlib.patches import Patch, Polygon, Rectangle
from numpy.typing import NDArray

from immunerecon.figures.densities import DENSITY, density_norm, share
from immunerecon.figures.gate_shapes import gate_corners
from immunerecon.figures.style import FAINT, INK, OKABE_ITO, figure_style, points, population_look
from immunerecon.gating.engine import LOW_CONFIDENCE
from immunerecon.gating.outliers import APART
from immunerecon.gating.pictures import BINS, HIGH, LOW, GatePicture

PicturesByTube = Mapping[str, Sequence[GatePicture]]
Scores = Mapping[str, float]

_GAP, _LINE = 10, 13  # pixels between thumbnails, and of a line of print
_HEAD = 2 * _LINE
_ACROSS, _DOWN = BINS + _GAP, BINS + _GAP + 2 * _LINE
_FEWEST_COLUMNS, _MOST_COLUMNS = 6, 20


def sheet_data(
    pictures_by_tube: PicturesByTube, population: str, scores: Scores | None = None
) -> pd.DataFrame:
    """Return the source data of `all_tubes`: one row a thumbnail."""
    rows: list[dict[str, object]] = []
    for tube, pictures in pictures_by_tube.items():
        picture = _picture_of(pictures, population)
        row: dict[str, object] = {"tube": tube, "population": population}
        if scores is not None:
            row["outlier_score"] = scores.get(tube, math.nan)
        if picture is not None:
            row |= {
                "parent": picture.parent,
                "count": picture.count,
                "parent_count": picture.parent_count,
                "source": picture.source,
                "confidence": picture.confidence,
            }
        rows.append(row)
    return pd.DataFrame(rows)


def all_tubes(
    pictures_by_tube: PicturesByTube,
    *,
    population: str = "NK",
    scores: Scores | None = None,
    style: str = "nature",
) -> Figure:
    """Draw one population's gate in every tube, side by side.

    Parameters
    ----------
    pictures_by_tube, population, scores
        As in `draw_tubes`.
    style
        ``nature``, ``blood`` or ``poster``.

    Returns
    -------
    Figure
        Two columns wide.
    """
    _, wide, high = _grid(len(pictures_by_tube))
    with figure_style(style) as measures:
        figure = Figure(figsize=measures.size(measures.double_mm / measures.scale * high / wide))
        ax = figure.add_axes((0, 0, 1, 1))
        draw_tubes(pictures_by_tube, population=population, ax=ax, scores=scores)
    return figure


def draw_tubes(
    pictures_by_tube: PicturesByTube,
    *,
    population: str,
    ax: Axes,
    scores: Scores | None = None,
) -> Axes:
    """Draw one population's gate in every tube as thumbnails on one pair of axes.

    Parameters
    ----------
    pictures_by_tube
        Label -> pictures of the tube's gates; drawn in this order, line by line.
    population
        Whose gate.
    ax
        Where to draw; its width decides the size of the print.
    scores
        How far each tube is from the others (`outlier_scores`). Those of 6 and more come first, the
        farthest before all, in a heavy frame.

    Returns
    -------
    Axes
        `ax`. Gates of low confidence have a frame in vermillion; a tube in which the population was
        not gated has an empty one.
    """
    scores = scores or {}
    columns, wide, high = _grid(len(pictures_by_tube))
    pixels = np.full((high, wide, 4), 255, dtype=np.uint8)
    outlines, frames = [], []
    width = ax.get_window_extent().width / ax.figure.dpi
    # A line of print is a fixed share of a thumbnail, up to the style's own size.
    size = min(FontProperties(size="small").get_size_in_points(), 72 * width * _LINE / wide)
    ordered = _outliers_first(pictures_by_tube, scores)
    for place, tube in enumerate(ordered):
        left, top = (place % columns) * _ACROSS + _GAP // 2, (place // columns) * _DOWN + _HEAD
        picture = _picture_of(pictures_by_tube[tube], population)
        number = "not gated"
        if picture is not None:
            number = share(picture.count, picture.parent_count)
            _paste(density_image(picture), pixels[top : top + BINS, left : left + BINS])
            outlines.append(_outline(picture, left, top))
        frames.append(_frame(picture, left, top, apart=_is_apart(scores, tube)))
        ax.text(left, top + BINS + 3, f"{tube}\n{number}", fontsize=size, va="top")
    heading = _heading(pictures_by_tube, population, any(_is_apart(scores, t) for t in ordered))
    ax.text(_GAP // 2, _HEAD / 2, heading, va="center")
    ax.imshow(pixels, extent=(0, wide, high, 0), interpolation="nearest", aspect="auto")
    for patches in (frames, outlines):
        ax.add_collection(PatchCollection(patches, match_original=True))
    ax.set(xlim=(0, wide), ylim=(high, 0))
    ax.set_axis_off()
    return ax


def _grid(n_tubes: int) -> tuple[int, int, int]:
    """Return the number of columns, and width and height of the sheet in pixels."""
    columns = min(max(math.ceil(math.sqrt(1.5 * n_tubes)), _FEWEST_COLUMNS), _MOST_COLUMNS)
    return columns, columns * _ACROSS, max(1, math.ceil(n_tubes / columns)) * _DOWN + _HEAD


def _is_apart(scores: Scores, tube: str) -> bool:
    return scores.get(tube, math.nan) >= APART


def _outliers_first(pictures_by_tube: PicturesByTube, scores: Scores) -> list[str]:
    """Return the tubes in the order of drawing."""
    apart = [tube for tube in pictures_by_tube if _is_apart(scores, tube)]
    apart.sort(key=lambda tube: -scores[tube])
    return [*apart, *(tube for tube in pictures_by_tube if tube not in apart)]


def _picture_of(pictures: Sequence[GatePicture], population: str) -> GatePicture | None:
    return next((picture for picture in pictures if picture.population == population), None)


def _heading(pictures_by_tube: PicturesByTube, population: str, apart: bool) -> str:
    """Say what every thumbnail shows."""
    found = (_picture_of(pictures, population) for pictures in pictures_by_tube.values())
    first = next((picture for picture in found if picture is not None), None)
    if first is None:
        return f"{population} was gated in no tube"
    first_of_all = "; heavy frame, first: apart from the other tubes" if apart else ""
    return (
        f"{population} on {first.x} (across) and {first.y} (up), share of {first.parent}; "
        f"coloured frame: low confidence{first_of_all}"
    ).replace("_", " ")


def _paste(image: NDArray[np.uint8], place: NDArray[np.uint8]) -> None:
    """Put the pixels that are not transparent where they belong."""
    seen = image[..., 3] > 0
    place[seen] = image[seen]


def _outline(picture: GatePicture, left: int, top: int) -> Patch:
    corners = gate_corners(picture)
    display = np.clip((corners - LOW) / (HIGH - LOW), 0, 1) * BINS
    colour = population_look(picture.population).colour
    places = np.column_stack([left + display[:, 0], top + BINS - display[:, 1]])
    return Polygon(places, closed=True, fill=False, edgecolor=colour, linewidth=points(0.7))


def _frame(picture: GatePicture | None, left: int, top: int, *, apart: bool) -> Patch:
    doubtful = picture is not None and picture.confidence < LOW_CONFIDENCE
    colour, width = (OKABE_ITO["vermillion"], 1.2) if doubtful else (FAINT, 0.6)
    if apart:
        colour, width = (colour if doubtful else INK), 2.0
    return Rectangle((left, top), BINS, BINS, fill=False, edgecolor=colour, linewidth=points(width))


def density_image(picture: GatePicture) -> NDArray[np.uint8]:
    """Return a picture's density as pixels, shape (96, 96, 4), the first row at the top.

    Parameters
    ----------
    picture
        The picture; bins without events are transparent.
    """
    counts = np.ma.masked_equal(picture.counts.T[::-1], 0)
    pixels: NDArray[np.uint8] = DENSITY(density_norm(picture)(counts), bytes=True)
    return pixels
