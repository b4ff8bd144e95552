# SPDX-License-Identifier: MIT
"""Runs in the guest: each driver's disk in each cell, under ``counted_io``.

``python -m blkmq.bench.compare.counted PLAN``: a JSON document with drivers and cells.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

from blkmq.bench.compare.kernel_driver import KernelDriver


def main(plan_path: str) -> None:
    """Leaves the symbols in the artifacts; the counter, outside, leaves a histogram for each cell and driver."""
    plan = json.loads(Path(plan_path).read_text())
    drivers = [KernelDriver(**driver) for driver in plan["drivers"]]
    for driver in drivers:
        driver.load()
    for cell in plan["cells"]:
        for driver in drivers:
            with driver.disk(cell["attributes"]) as disk:
                if cell["attributes"].get("memory_backed") == "1":
                    subprocess.run(
                        ["dd", "if=/dev/zero", f"of={disk}", "bs=1M", "oflag=direct"], stderr=subprocess.DEVNULL
                    )
                words = [
                    plan["program"],
                    str(disk),
                    cell["rw"],
                    *map(str, (cell["bytes"], plan["warm"], plan["count"])),
                ]
                subprocess.run(words, check=True)
    shutil.copy("/proc/kallsyms", os.environ["BLKMQ_ARTIFACTS"])


if __name__ == "__main__":
    main(sys.argv[1])
