"""Pages of gates: the tree of one tube, and one gate of every tube."""

import math
from collections.abc import Sequence

import pandas as pd
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine

from immunerecon.figures.densities import Scales, draw_panel, panels_of
from immunerecon.figures.gate_shapes import gate_corners
from immunerecon.figures.style import figure_style
from immunerecon.gating.pictures import GatePicture

_COLUMNS = 4


def gating_tree(
    pictures: Sequence[GatePicture], *, scales: Scales | None = None, style: str = "nature"
) -> Figure:
    """Draw how one tube was gated, from all events to the last subset.

    Parameters
    ----------
    pictures
        Of the tube, in the order of gating.
    scales
        Display scale of each dimension; without it the axes run from 0 to 1.
    style
        ``nature``, ``blood`` or ``poster``.

    Returns
    -------
    Figure
        Two columns wide; each panel is titled with the parent and its number of events, gates that
        share parent and dimensions share a panel, and each gate bears its share of the parent.
    """
    panels = panels_of(pictures)
    with figure_style(style) as measures:
        rows = max(1, math.ceil(len(panels) / _COLUMNS))
        figure = Figure(
            figsize=measures.size(44.0 * rows),
            layout=ConstrainedLayoutEngine(w_pad=0.04, h_pad=0.05),
        )
        for place, panel in enumerate(panels, start=1):
            draw_panel(panel, ax=figure.add_subplot(rows, _COLUMNS, place), scales=scales)
    return figure


def tree_data(pictures: Sequence[GatePicture]) -> pd.DataFrame:
    """Return the source data of `gating_tree`: one row a gate, corners on the display scale."""
    return pd.DataFrame(
        {
            "population": picture.population,
            "parent": picture.parent,
            "dimension_x": picture.x,
            "dimension_y": picture.y,
            "corners": " ".join(f"{x:.4f},{y:.4f}" for x, y in gate_corners(picture)),
            "count": picture.count,
            "parent_count": picture.parent_count,
            "source": picture.source,
            "confidence": picture.confidence,
        }
        for picture in pictures
    )
