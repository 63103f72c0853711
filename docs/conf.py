"""How the documentation is built: ``sphinx-build -W docs docs/_build/html``."""

import shutil
import sys
from pathlib import Path

DOCS = Path(__file__).parent
sys.path.insert(0, str(DOCS / "_ext"))

from figure_scraper import scrape_figures  # noqa: E402

import immunerecon  # noqa: E402 (after the path)

project = "immunerecon"
author = "The immunerecon developers"
project_copyright = "The immunerecon developers, BSD-3-Clause"
release = version = immunerecon.__version__

extensions = [
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx.ext.mathjax",
    "sphinx-mathjax-offline",
    "numpydoc",
    "myst_nb",
    "sphinx_gallery.gen_gallery",
    "generated_pages",
]
exclude_patterns = ["_build", "_ext", "gallery", "**.ipynb_checkpoints"]
# The gallery keeps each example in several forms; the page is the .rst.
exclude_patterns += [f"auto_gallery/*.{kind}" for kind in ("ipynb", "py", "md5", "zip", "json")]

html_theme = "pydata_sphinx_theme"
html_title = f"immunerecon {release}"
html_static_path = ["_static"]
html_css_files = ["house.css"]
html_theme_options = {
    "navbar_align": "left",
    "show_toc_level": 2,
    "footer_start": ["copyright"],
    "footer_end": [],
}
html_show_sourcelink = False

autosummary_generate = True
autodoc_typehints = "none"  # numpydoc's Parameters say it
numpydoc_show_class_members = False
numpydoc_validation_checks: set[str] = set()

myst_enable_extensions = ["dollarmath", "colon_fence", "deflist"]
myst_heading_anchors = 3
nb_execution_mode = "force"
nb_execution_in_temp = True  # notebooks write files
nb_execution_timeout = 300
nb_execution_raise_on_error = True
nb_merge_streams = True
# Progress of long work belongs to a terminal, not to a page.
nb_output_stderr = "remove"
nb_ipywidgets_js: dict[str, dict[str, str]] = {}  # widgets need a kernel

suppress_warnings = ["config.cache"]  # the gallery's scraper is a function
sphinx_gallery_conf = {
    "examples_dirs": "gallery",
    "gallery_dirs": "auto_gallery",
    "filename_pattern": r"draw_",
    "ignore_pattern": r"__init__\.py",
    "image_scrapers": ("matplotlib", scrape_figures),
    "show_memory": False,
    "write_computation_times": False,
    "remove_config_comments": True,
    "download_all_examples": False,
}


def _bring_notebooks() -> None:
    """Copy the notebooks into the source tree, where Sphinx can see them."""
    for notebook in sorted((DOCS.parent / "notebooks").glob("*.ipynb")):
        target = DOCS / "tutorials" / notebook.name
        if not target.exists() or target.read_bytes() != notebook.read_bytes():
            shutil.copyfile(notebook, target)


_bring_notebooks()
