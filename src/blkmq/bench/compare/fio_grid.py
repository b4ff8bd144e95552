# SPDX-License-Identifier: MIT
"""Runs in the guest: the drivers' disks take turns under fio, cell by cell, round by round.

``python -m blkmq.bench.compare.fio_grid PLAN`` writes a line of JSON for each measurement to stdout.
"""

from __future__ import annotations

import json
import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from blkmq.bench.compare.kernel_driver import KernelDriver


def main(plan_path: str) -> None:
    """One line a measurement: cell, driver, I/Os a second; the first turn of each cell is not told."""
    plan = json.loads(Path(plan_path).read_text())
    drivers = [KernelDriver(**driver) for driver in plan["drivers"]]
    for driver in drivers:
        driver.load()
    with ExitStack() as stack:
        disks = [stack.enter_context(driver.disk(plan["attributes"])) for driver in drivers]
        for disk in disks:
            fill(disk)
        for cell, words in enumerate(plan["cells"]):
            for number in range(plan["rounds"]):
                first = number % len(drivers)
                for driver in [*range(first, len(drivers)), *range(first)]:
                    iops = measure(disks[driver], words, plan["runtime_sec"])
                    print(json.dumps({"cell": cell, "driver": driver, "iops": iops}), flush=True)


def fill(disk: Path) -> None:
    """Makes all pages, which a null disk does not mind."""
    subprocess.run(
        ["dd", "if=/dev/zero", f"of={disk}", "bs=1M", "oflag=direct"], stderr=subprocess.DEVNULL, check=False
    )


def measure(disk: Path, words: list[str], runtime_sec: float) -> float:
    """I/Os a second of all jobs together."""
    command = [
        "fio", "--name=cell", f"--filename={disk}", "--ioengine=libaio", "--direct=1", "--norandommap",
        "--time_based", f"--runtime={runtime_sec}", "--ramp_time=0.2", "--group_reporting", "--output-format=json",
        "--randseed=1", *words,
    ]  # fmt: skip
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=True)
    (job,) = json.loads(done.stdout[done.stdout.index("{") :])["jobs"]
    result: dict[str, Any] = job["read"] if job["read"]["total_ios"] else job["write"]
    return float(result["iops"])


if __name__ == "__main__":
    main(sys.argv[1])
