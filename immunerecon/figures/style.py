"""How figures look: page widths, type sizes, colours and marker shapes."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from typing import Any

import matplotlib as mpl
from matplotlib.colors import to_rgb
from matplotlib.font_manager import get_font_names

MM_PER_INCH = 25.4

INK = "#1a1a1a"
MUTED = "#666666"
PALE = "#a3a3a3"
FAINT = "#d9d9d9"

# Okabe & Ito, https://jfly.uni-koeln.de/color/: told apart by every common colour vision.
OKABE_ITO: Mapping[str, str] = {
    "blue": "#0072B2",
    "vermillion": "#D55E00",
    "green": "#009E73",
    "purple": "#CC79A7",
    "orange": "#E69F00",
    "sky": "#56B4E9",
    "yellow": "#F0E442",
}


_FAMILIES = ("Arial", "Helvetica", "Liberation Sans", "DejaVu Sans")


@cache
def typeface() -> dict[Any, Any]:
    """Return the matplotlib parameters of the typeface: the first of the usual ones that is here.

    Named outright, because a generic family is looked up anew whenever the figure is drawn.
    """
    here = set(get_font_names())
    family = next((name for name in _FAMILIES if name in here), "DejaVu Sans")
    return {
        "font.family": [family, "sans-serif"],
        "font.sans-serif": list(_FAMILIES),
        "mathtext.fontset": "custom",
        "mathtext.rm": family,
        "mathtext.cal": family,
        "mathtext.default": "regular",
    }


@dataclass(frozen=True)
class Look:
    """Colour and marker of one thing, the same in every figure."""

    colour: str
    marker: str

    @property
    def text_colour(self) -> tuple[float, ...]:
        """The colour, dark enough to be read as small print on white."""
        return tuple(0.65 * part for part in to_rgb(self.colour))


POPULATION_LOOKS: Mapping[str, Look] = {
    "NK": Look(OKABE_ITO["blue"], "o"),
    "T": Look(OKABE_ITO["vermillion"], "s"),
    "B": Look(OKABE_ITO["green"], "D"),
    "CD4_T": Look(OKABE_ITO["orange"], "^"),
    "CD8_T": Look(OKABE_ITO["purple"], "v"),
    "NKT_like": Look(OKABE_ITO["sky"], "P"),
    "NK_CD56bright": Look(OKABE_ITO["sky"], "h"),
    "NK_CD56dim": Look(OKABE_ITO["blue"], "H"),
}
_OTHER = Look(INK, "o")


def population_look(population: str) -> Look:
    """Return the colour and marker of a population; ink and circles for those without their own.

    Examples
    --------
    >>> population_look("NK").colour
    '#0072B2'
    """
    return POPULATION_LOOKS.get(population, _OTHER)


@dataclass(frozen=True)
class FigureStyle:
    """One journal's measures.

    Parameters
    ----------
    single_mm, double_mm
        Width of a figure of one and of two columns.
    font_pt
        Size of labels; small print is one point less.
    line_pt
        Width of data lines; axes are thinner.
    """

    single_mm: float
    double_mm: float
    font_pt: float
    line_pt: float

    @property
    def small_pt(self) -> float:
        """Size of small print."""
        return self.font_pt * 6 / 7

    def size(self, height_mm: float, *, columns: int = 2) -> tuple[float, float]:
        """Return the size in inches of a figure of one or two columns and some height."""
        width = self.single_mm if columns == 1 else self.double_mm
        return width / MM_PER_INCH, height_mm * self.scale / MM_PER_INCH

    @property
    def scale(self) -> float:
        """How much larger than a journal's page everything is."""
        return self.double_mm / 183.0

    def _ticks(self) -> dict[Any, Any]:
        """Return the matplotlib parameters of both axes' ticks."""
        axis = 0.7 * self.line_pt
        both = {
            "color": INK,
            "labelsize": self.small_pt,
            "direction": "out",
            "major.width": axis,
            "minor.width": 0.7 * axis,
            "major.size": 0.42 * self.font_pt,
            "minor.size": 0.24 * self.font_pt,
            "major.pad": 0.35 * self.font_pt,
        }
        return {f"{name}tick.{key}": value for name in "xy" for key, value in both.items()}

    def parameters(self) -> dict[Any, Any]:
        """Return the matplotlib parameters."""
        return self._ticks() | {
            **typeface(),
            "font.size": self.font_pt,
            "text.color": INK,
            "axes.labelcolor": INK,
            "axes.edgecolor": INK,
            "axes.linewidth": 0.7 * self.line_pt,
            "axes.labelsize": self.font_pt,
            "axes.labelpad": 0.4 * self.font_pt,
            "axes.titlesize": self.font_pt,
            "axes.titleweight": "bold",
            "axes.titley": 1.0,  # given, or matplotlib measures every tick to find it
            "axes.titlepad": 0.6 * self.font_pt,
            "axes.spines.top": False,
            "axes.spines.right": False,
            "axes.unicode_minus": True,
            "lines.linewidth": self.line_pt,
            "lines.markersize": 0.6 * self.font_pt,
            "lines.markeredgewidth": 0.8 * self.line_pt,
            "legend.fontsize": self.small_pt,
            "legend.frameon": False,
            "figure.facecolor": "white",
            "figure.dpi": 150.0,
            "hatch.linewidth": 0.5 * self.line_pt,
        }


STYLES: Mapping[str, FigureStyle] = {
    "nature": FigureStyle(single_mm=89, double_mm=183, font_pt=7, line_pt=0.9),
    "blood": FigureStyle(single_mm=89, double_mm=183, font_pt=8, line_pt=1.0),
    "poster": FigureStyle(single_mm=178, double_mm=366, font_pt=16, line_pt=2.0),
}


_USUAL_LINE_PT = STYLES["nature"].line_pt


def points(size: float) -> float:
    """Return a width or distance of a journal's page in the style at hand: a poster has it larger.

    Parameters
    ----------
    size
        In points, where data lines are 0.9 points wide.
    """
    return size * float(mpl.rcParams["lines.linewidth"]) / _USUAL_LINE_PT


@contextmanager
def figure_style(name: str = "nature") -> Iterator[FigureStyle]:
    """Draw in one journal's style; what was set before returns afterwards.

    Parameters
    ----------
    name
        ``nature``, ``blood`` or ``poster`` (the same page at twice the size).

    Yields
    ------
    FigureStyle
        Its measures.

    Raises
    ------
    ValueError
        For another name.

    Examples
    --------
    >>> with figure_style("nature") as style:
    ...     style.double_mm
    183
    """
    if name not in STYLES:
        raise ValueError(f"there is no figure style {name!r}; accepted: {', '.join(STYLES)}")
    with mpl.rc_context(STYLES[name].parameters()):
        yield STYLES[name]
