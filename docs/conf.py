# SPDX-License-Identifier: MIT
"""Sphinx: MyST pages, warnings are errors (see the Makefile)."""

from importlib.metadata import version as version_of

project = "blkmq"
copyright = "The blkmq authors"
version = release = version_of("blkmq")

extensions = ["myst_parser"]
myst_heading_anchors = 3
html_theme = "furo"
