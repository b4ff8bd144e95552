# SPDX-License-Identifier: MIT
"""Every model test runs on every target."""

from tests.targets import target

__all__ = ["target"]
