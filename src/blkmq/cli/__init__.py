# SPDX-License-Identifier: MIT
"""``blkmq <verb>``, one file a verb: each does no more than the Python API below it."""

from blkmq.cli.command_line import main

__all__ = ["main"]
