# SPDX-License-Identifier: MIT
"""Sphinx: MyST pages, warnings are errors (see the Makefile)."""

import sys
from importlib.metadata import version as version_of
from pathlib import Path

project = "blkmq"
copyright = "The blkmq authors"
version = release = version_of("blkmq")

extensions = ["myst_parser", "sphinx.ext.autodoc"]
autodoc_member_order = "bysource"
autodoc_typehints = "signature"
myst_heading_anchors = 3
html_theme = "furo"

sys.path.insert(0, str(Path(__file__).parent))
import generated  # noqa: E402

generated.write()
