# SPDX-License-Identifier: MIT
"""Every model test runs on every target; those of files, in both ways."""

from tests.file_ways import path, way
from tests.targets import target

__all__ = ["path", "target", "way"]
