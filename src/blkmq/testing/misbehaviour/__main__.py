# SPDX-License-Identifier: MIT
"""Plays the table, or the rows named: ``python -m blkmq.testing.misbehaviour TARGET [NAME …]``."""

from __future__ import annotations

import sys

from blkmq.testing.misbehaviour.play import play
from blkmq.testing.misbehaviour.table import ROWS


def main(target: str, *names: str) -> int:
    """How many rows came out differently."""
    nr_failed = 0
    for row in ROWS:
        if not names or row.name in names:
            print(f"{row.driver.__name__}.{row.name}", end=" ", flush=True)
            try:
                play(row, target)
                print("ok")
            except AssertionError as error:
                nr_failed += 1
                print(f"FAILED: {error}")
    return nr_failed


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]) > 0)
