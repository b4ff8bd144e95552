# SPDX-License-Identifier: MIT
"""Every promise is kept on every target."""

from tests.targets import target

__all__ = ["target"]
