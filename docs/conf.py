"""How Sphinx builds this documentation: ``python -m sphinx -W --keep-going -b html docs build/docs``; no network is used."""

import sys
from pathlib import Path

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE), str(HERE.parent)]  # the generators beside this file, and the packages they describe

import tapegraph  # noqa: E402

project = "tapegraph"
author = "the tapegraph authors"
release = version = tapegraph.__version__

extensions = ["myst_parser", "generate"]
exclude_patterns = ["generate", "made"]
myst_enable_extensions = ["colon_fence", "deflist", "attrs_inline", "attrs_block"]
myst_heading_anchors = 3
nitpicky = True

html_theme = "furo"
html_title = f"tapegraph {release}"
html_static_path = ["static"]
html_css_files = ["tapegraph.css"]
html_show_sphinx = html_show_copyright = False
html_copy_source = False
html_theme_options = {"navigation_with_keys": True, "top_of_page_buttons": []}
pygments_style, pygments_dark_style = "a11y-high-contrast-light", "a11y-high-contrast-dark"
