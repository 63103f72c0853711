"""Figures as files that are the same bytes whenever they are drawn from the same numbers."""

import io
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote

import matplotlib as mpl
import pandas as pd
from matplotlib.artist import Artist
from matplotlib.backend_bases import FigureCanvasBase
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.backends.backend_pdf import FigureCanvasPdf
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure

from immunerecon.figures.style import typeface
from immunerecon.files import spreadsheet_safe, write_atomically

PNG_DPI = 300
_SAVING: dict[Any, Any] = {
    "pdf.fonttype": 42,  # TrueType: text stays text in an editor
    "svg.fonttype": "none",
    "svg.hashsalt": "immunerecon",
}
# PNG first: a figure keeps what drew it last, and that of PNG holds all pixels.
_FORMATS = ("png", "pdf", "svg")
_CANVASES: Mapping[str, type[FigureCanvasBase]] = {
    "pdf": FigureCanvasPdf,
    "svg": FigureCanvasSVG,
    "png": FigureCanvasAgg,
}
# Metadata that would change the bytes of an unchanged figure.
_DATED = {
    "pdf": ("CreationDate", "Creator", "Producer"),
    "svg": ("Date", "Creator"),
    "png": ("Software",),
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
    metadata: dict[Any, Any] = dict.fromkeys(_DATED[file_format])
    ground = [figure.patch, *(ax.patch for ax in figure.axes)] if transparent else []
    with mpl.rc_context(typeface() | _SAVING), _hidden(ground):
        _lay_out(figure)
        figure.set_dpi(dpi)
        # The canvas itself, because `Figure.savefig` draws everything twice.
        shown_on = figure.canvas
        canvas = _CANVASES[file_format](figure)
        getattr(canvas, f"print_{file_format}")(stream, metadata=metadata)
        figure.set_canvas(shown_on)
    return stream.getvalue()


def _lay_out(figure: Figure) -> None:
    """Lay a figure out once, so that every format shows the same positions."""
    engine = figure.get_layout_engine()
    if engine is not None:
        engine.execute(figure)
        figure.set_layout_engine("none")


@contextmanager
def _hidden(artists: Sequence[Artist]) -> Iterator[None]:
    """Hide artists for a while."""
    shown = [artist for artist in artists if artist.get_visible()]
    for artist in shown:
        artist.set_visible(False)
    try:
        yield
    finally:
        for artist in shown:
            artist.set_visible(True)


def save_figure(
    figure: Figure,
    folder: Path | str,
    name: str,
    *,
    data: pd.DataFrame,
    formats: Sequence[str] = _FORMATS,
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
    folder, stem = Path(folder), quote(name, safe=" ")
    written = [
        write_atomically(folder / f"{stem}.{kind}", render_figure(figure, kind)) for kind in formats
    ]
    text = spreadsheet_safe(data).to_csv(index=False, lineterminator="\n")
    return (*written, write_atomically(folder / f"{stem}.csv", text.encode()))
