"""Figures inside the page, each with its text for those who cannot see it."""

from dataclasses import dataclass

from matplotlib.figure import Figure

from immunerecon.figures.saving import render_figure
from immunerecon.report.lean_images import lean_png, lean_svg
from immunerecon.report.thumbnails import data_uri

PNG_DPI = 160  # 1150 pixels across two columns


@dataclass(frozen=True)
class EmbeddedFigure:
    """A figure as the page holds it.

    Parameters
    ----------
    source
        ``data:`` URI.
    width, height
        In CSS pixels.
    alt, caption, title
        What it shows, for a reader who cannot see it; what to know when looking at it; its name.
    """

    source: str
    width: int
    height: int
    alt: str
    caption: str
    title: str = ""


def embed_figure(
    figure: Figure, file_format: str, *, alt: str, caption: str, title: str = ""
) -> EmbeddedFigure:
    """Return a figure for the page, whose style gives it a light ground.

    Parameters
    ----------
    figure
        Any figure.
    file_format
        ``svg``, or ``png`` where it holds many pixels.
    alt, caption, title
        As in `EmbeddedFigure`.
    """
    content = render_figure(figure, file_format, dpi=PNG_DPI, transparent=True)
    width, height = (round(96 * inches) for inches in figure.get_size_inches())
    source = lean_svg(content) if file_format == "svg" else data_uri(lean_png(content), "image/png")
    return EmbeddedFigure(source, width, height, alt, caption, title)
