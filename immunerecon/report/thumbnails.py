"""Gates as small pictures inside the page: pixels for the events, a vector for the gate."""

import base64
import io
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.image import imsave

from immunerecon.figures.densities import share
from immunerecon.figures.gate_shapes import gate_corners
from immunerecon.figures.sheets import density_image
from immunerecon.gating.engine import LOW_CONFIDENCE
from immunerecon.gating.pictures import BINS, HIGH, LOW, GatePicture

SHOWN = ("NK", "T")  # the CD3/CD56 gate; where a tube has none, the next best


@dataclass(frozen=True)
class Thumbnail:
    """A gate on its parent's density, in parts that a template puts together.

    Parameters
    ----------
    population, parent
        Whose gate, and on what.
    x, y
        Dimensions.
    image
        The density as a ``data:`` URI of a PNG of `size` x `size` pixels.
    outline
        Corners of the gate in pixels, as an SVG polygon takes them.
    share
        Of the parent, in percent.
    doubtful
        Whether the gate's confidence is low.
    """

    population: str
    parent: str
    x: str
    y: str
    image: str
    outline: str
    share: str
    doubtful: bool
    size: int = BINS


def make_thumbnail(pictures: Sequence[GatePicture]) -> Thumbnail | None:
    """Return a tube's NK gate as a thumbnail, None where there is nothing to show.

    Parameters
    ----------
    pictures
        Of the tube's gates.
    """
    by_name = {picture.population: picture for picture in pictures}
    picture = next((by_name[name] for name in SHOWN if name in by_name), None)
    if picture is None:
        return None
    corners = np.clip((gate_corners(picture) - LOW) / (HIGH - LOW), 0, 1) * BINS
    return Thumbnail(
        population=picture.population,
        parent=picture.parent or "clean events",
        x=picture.x,
        y=picture.y,
        image=data_uri(_png(picture), "image/png"),
        outline=" ".join(f"{x:.1f},{BINS - y:.1f}" for x, y in corners),
        share=share(picture.count, picture.parent_count),
        doubtful=picture.confidence < LOW_CONFIDENCE,
    )


def data_uri(content: bytes, kind: str) -> str:
    """Return bytes as a ``data:`` URI.

    Examples
    --------
    >>> data_uri(b"abc", "image/png")
    'data:image/png;base64,YWJj'
    """
    return f"data:{kind};base64,{base64.b64encode(content).decode()}"


def _png(picture: GatePicture) -> bytes:
    stream = io.BytesIO()
    # An empty name in place of matplotlib's version, which would change the bytes.
    imsave(stream, density_image(picture), format="png", metadata={"Software": ""})
    return stream.getvalue()
