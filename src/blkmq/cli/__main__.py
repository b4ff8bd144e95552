# SPDX-License-Identifier: MIT
"""``python -m blkmq.cli``."""

from blkmq.cli.command_line import main

main(prog_name="blkmq")
