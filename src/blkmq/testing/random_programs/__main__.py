# SPDX-License-Identifier: MIT
"""``python -m blkmq.testing.random_programs``: compares the targets over many random programs."""

from __future__ import annotations

import argparse
import sys

from blkmq.testing.random_programs.campaign import run_many, run_module
from blkmq.testing.random_programs.modules import PROGRAMS_PER_MODULE


def main() -> int:
    parser = argparse.ArgumentParser(prog="random_programs", description=__doc__)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--count", type=int, default=500, help="programs")
    parser.add_argument("--jobs", type=int, default=0, help="processes; default: one for each CPU")
    parser.add_argument("--only", type=int, help="this one program")
    given = parser.parse_args()
    if given.only is not None:
        result = run_module(given.seed, given.only // PROGRAMS_PER_MODULE, [given.only])
        print(*result.reports, sep="\n\n")
    else:
        result = run_many(given.seed, given.count, given.jobs)
    print(result)
    return 1 if result.reports else 0


if __name__ == "__main__":
    sys.exit(main())
