"""Shows in the gallery the figures that an example made without pyplot."""

from typing import Any

from matplotlib.figure import Figure
from sphinx_gallery.scrapers import figure_rst


def scrape_figures(
    block: tuple[Any, ...], block_vars: dict[str, Any], gallery_conf: dict[str, Any]
) -> str:
    """Save each figure that a block assigned to ``page`` and return its reStructuredText."""
    page = block_vars["example_globals"].pop("page", None)
    if not isinstance(page, Figure):
        return ""
    path = next(block_vars["image_path_iterator"])
    page.savefig(path, dpi=150, bbox_inches="tight")
    return str(figure_rst([path], gallery_conf["src_dir"]))
