"""Build the site: pages of this folder, and a reference that is written from the program itself."""

import shutil
import sys
from importlib.metadata import version as version_of
from pathlib import Path

from sphinx.application import Sphinx

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE))

project = "Lineshape"
author = "Lineshape"
version = release = version_of("lineshape")

extensions = ["myst_nb", "sphinx.ext.autodoc", "sphinx.ext.napoleon"]
exclude_patterns = ["_build", "example"]
html_theme = "furo"
html_title = "Lineshape"
html_static_path = ["_static"]
html_css_files = ["tables.css"]
html_show_sphinx = False
html_copy_source = False

myst_enable_extensions = ["colon_fence", "deflist"]
myst_heading_anchors = 3
nb_execution_mode = "cache"
nb_execution_timeout = 900
nb_execution_raise_on_error = True
nb_execution_in_temp = True
nb_merge_streams = True
suppress_warnings = ["mystnb.unknown_mime_type"]

autodoc_typehints = "description"
autodoc_member_order = "bysource"
autodoc_default_options = {"members": True, "show-inheritance": False}
highlight_language = "none"


def _write(_: Sphinx) -> None:
    from reference_pages import write_pages

    write_pages(HERE / "reference")
    shutil.copyfile(HERE.parent / "jobs" / "tutorial.ipynb", HERE / "tutorial.ipynb")


def setup(app: Sphinx) -> None:
    """Write the pages of the reference before sources are read."""
    app.connect("builder-inited", _write)
