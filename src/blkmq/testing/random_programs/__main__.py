# SPDX-License-Identifier: MIT
"""``python -m blkmq.testing.random_programs``: compares the targets over many random programs."""

from __future__ import annotations

import argparse
import datetime
import sys
from pathlib import Path

from blkmq.testing.random_programs.campaign import Result, run_many, run_module
from blkmq.testing.random_programs.modules import PROGRAMS_PER_MODULE


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m blkmq.testing.random_programs", description=__doc__)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--count", type=int, default=500, help="programs")
    parser.add_argument(
        "--first", type=int, default=0, help="the program to begin with: a run can go on where one stopped"
    )
    parser.add_argument("--jobs", type=int, default=0, help="processes; default: one for each CPU")
    parser.add_argument("--only", type=int, help="this one program")
    parser.add_argument("--write", type=Path, help="adds a line with the result to this page")
    given = parser.parse_args()
    if given.only is not None:
        result = run_module(given.seed, given.only // PROGRAMS_PER_MODULE, [given.only])
        print(*result.reports, sep="\n\n")
    else:
        result = run_many(given.seed, given.count, given.jobs, first=given.first)
    print(result)
    if given.write:
        with given.write.open("a") as page:
            page.write(line_of(result, " ".join(["random_programs", *sys.argv[1:]])))
    return 1 if result.reports else 0


def line_of(result: Result, command: str) -> str:
    """The result as a line of the page's table."""
    command = command.partition(" --write")[0]
    cells = (datetime.date.today(), f"`{command}`", f"{result.nr_programs:,}", f"{result.nr_calls:,}",
             f"{result.faults['OVERFLOW']:,}", len(result.reports), f"{result.seconds / 60:.0f} min")  # fmt: skip
    return "| " + " | ".join(map(str, cells)) + " |\n"


if __name__ == "__main__":
    sys.exit(main())
