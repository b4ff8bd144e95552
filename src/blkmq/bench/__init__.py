# SPDX-License-Identifier: MIT
"""How fast the drivers are, beside the same work in C, measured by programs whose results the docs show."""
