"""Figures as files that are the same bytes whenever they are drawn from the same numbers."""

import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote

import matplotlib as mpl
import pandas as pd
from matplotlib.figure import Figure

from immunerecon.figures.style import typeface
from immunerecon.files import write_atomically

PNG_DPI = 300
_SAVING: dict[Any, Any] = {
    "pdf.fonttype": 42,  # TrueType: text stays text in an editor
    "svg.fonttype": "none",
    "svg.hashsalt": "immunerecon",
    "savefig.facecolor": "white",
}
# Dates and versions would change the bytes of an unchanged figure.
_METADATA: dict[str, dict[str, None]] = {
    "pdf": {"CreationDate": None, "Creator": None, "Producer": None},
    "svg": {"Date": None, "Creator": None},
    "png": {"Software": None},
}


def render_figure(
    figure: Figure, file_format: str, *, dpi: int = PNG_DPI, transparent: bool = False
) -> bytes:
    """Return a figure as the bytes of a file.

    Parameters
    ----------
    figure
        Any figure.
    file_format
        ``pdf``, ``svg`` or ``png``.
    dpi
        Resolution of PNG, and of what is rasterised inside PDF and SVG.
    transparent
        Whether the ground is left out.

    Returns
    -------
    bytes
        The same for the same figure: no dates, no random identifiers.
    """
    stream = io.BytesIO()
    with mpl.rc_context(typeface() | _SAVING):
        figure.savefig(
            stream,
            format=file_format,
            dpi=dpi,
            transparent=transparent,
            metadata=_METADATA[file_format],
        )
    # Laid out once: every format shows the same positions.
    figure.set_layout_engine("none")
    return stream.getvalue()


def save_figure(
    figure: Figure,
    folder: Path,
    name: str,
    *,
    data: pd.DataFrame,
    formats: Sequence[str] = ("pdf", "svg", "png"),
) -> tuple[Path, ...]:
    """Write a figure in each format, and the numbers it shows as CSV beside it.

    Parameters
    ----------
    figure
        Any figure.
    folder
        Where to.
    name
        Of the files, without extension; characters that a file name cannot have are %-encoded.
    data
        The source data: the rows that the figure draws.
    formats
        Of ``pdf``, ``svg``, ``png``.

    Returns
    -------
    tuple of Path
        The files, the CSV last.
    """
    stem = quote(name, safe=" ")
    written = [
        write_atomically(folder / f"{stem}.{kind}", render_figure(figure, kind)) for kind in formats
    ]
    text = data.map(_escaped).to_csv(index=False, lineterminator="\n")
    return (*written, write_atomically(folder / f"{stem}.csv", text.encode()))


def _escaped(cell: object) -> object:
    """Return a cell that no spreadsheet takes for a formula."""
    if isinstance(cell, str) and cell.startswith(("=", "+", "-", "@", "\t", "\r")):
        return f"'{cell}"
    return cell
