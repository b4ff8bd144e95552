# SPDX-License-Identifier: MIT
"""How long it takes until a disk answers, and what a disk costs in memory; each in processes of their own."""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from blkmq.bench.nbd import program

IDLE_SEC = 10.0

IMPORT = """
import time; begin = time.perf_counter()
import blkmq
print(time.perf_counter() - begin)
"""

FIRST_IO = """
import sys, time
import blkmq
from {module} import {driver}
begin = time.perf_counter()
with blkmq.serve({driver}({arguments}), via="in_process", target="host") as disk:
    disk.read(0, 4096)
    print(time.perf_counter() - begin)
"""

RESIDENT = """
import blkmq
from blkmq.drivers.null_blk import NullBlk
from blkmq.bench.start_up import resident_mib
with blkmq.serve(NullBlk({arguments}), via="in_process", target="host") as disk:
    disk.read(0, 4096)
    print(resident_mib())
    for i in range({nr_mib}):
        disk.write(i << 20, bytes(1 << 20))
    print(resident_mib())
    disk.{discard}
    print(resident_mib())
"""


def resident_mib() -> float:
    """This process's resident memory."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / (1 << 20)


def run_python(text: str, cache: str, *, path: str = "") -> list[float]:
    """Runs a program in a fresh interpreter; the numbers that it prints."""
    environment = {**os.environ, "BLKMQ_CACHE_DIR": cache, "PYTHONPATH": path}
    done = subprocess.run([sys.executable, "-c", text], env=environment, capture_output=True, text=True, check=True)
    return [float(line) for line in done.stdout.split()]


@dataclass(frozen=True)
class Measurement:
    """One line of the page."""

    what: str
    values: list[float]
    unit: str
    bound: str  #: what was promised

    def markdown(self) -> str:
        low, high = min(self.values), max(self.values)
        return (
            f"| {self.what} | {statistics.median(self.values):.2f} {self.unit} | {low:.2f}…{high:.2f} | {self.bound} |"
        )


def start_up(nr_rounds: int) -> list[Measurement]:
    """Import, first I/O with empty and with full caches, another size, one edited line."""
    imports, cold, warm, resized, edited = [], [], [], [], []
    driver = {"module": "blkmq.drivers.null_blk", "driver": "NullBlk"}
    for number in range(nr_rounds):
        with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as cache, tempfile.TemporaryDirectory() as work:
            imports += run_python(IMPORT, cache)
            cold += run_python(FIRST_IO.format(**driver, arguments="size=64"), cache)
            warm += run_python(FIRST_IO.format(**driver, arguments="size=64"), cache)
            resized += run_python(FIRST_IO.format(**driver, arguments=f"size={65 + number}, blocksize=4096"), cache)
            source = Path(sys.modules["blkmq"].__path__[0], "drivers", "ramdisk.py").read_text()
            own = Path(work, "edited.py")
            own.write_text(source)
            text = FIRST_IO.format(module="edited", driver="RamDisk", arguments="size=64")
            run_python(text, cache, path=work)
            changed = source.replace("position = rq.sector", "position = 0 + rq.sector")
            if changed == source:
                raise RuntimeError("ramdisk.py has not the line that is to be edited")
            own.write_text(changed)
            edited += run_python(text, cache, path=work)
    return [
        Measurement("`import blkmq`", [value * 1000 for value in imports], "ms", "< 100 ms"),
        Measurement("null_blk: serve() to first I/O, empty cache", cold, "s", "< 5 s"),
        Measurement("null_blk: serve() to first I/O, warm cache", warm, "s", "< 1 s"),
        Measurement("the same with another size and block size", resized, "s", "< 1 s"),
        Measurement("ramdisk, one line edited: serve() to first I/O", edited, "s", "< 3 s"),
    ]


def busy_nsec(pid: int) -> int:
    """CPU time of a process's threads so far."""
    return sum(int(file.read_text().split()[0]) for file in Path(f"/proc/{pid}/task").glob("*/schedstat"))


def add_once(cache: str, idle_sec: float = 0) -> tuple[float, float]:
    """Seconds from ``blkmq add`` to the end of a client's first I/O; then, of an idle while, the part of a CPU used."""
    with tempfile.TemporaryDirectory() as runtime:
        environment = {**os.environ, "BLKMQ_CACHE_DIR": cache, "BLKMQ_RUNTIME_DIR": runtime}
        command = [sys.executable, "-m", "blkmq.cli"]
        begin = time.monotonic()
        added = subprocess.run(
            [*command, "add", "null_blk", "size=64", "--name", "bench", "--json"],
            env=environment, check=True, capture_output=True, text=True,
        )  # fmt: skip
        device = json.loads(added.stdout)
        socket = device["uris"][0].partition("socket=")[2]
        subprocess.run(
            [program("nbd_client"), socket, "", "read", "4096", "1", "1", "65536", "1"],
            check=True,
            stdout=subprocess.DEVNULL,
        )
        taken = time.monotonic() - begin
        time.sleep(idle_sec)  # what the start left to do
        before = busy_nsec(device["pid"])
        time.sleep(idle_sec)
        used = (busy_nsec(device["pid"]) - before) / (idle_sec * 1e9) if idle_sec else 0
        subprocess.run([*command, "del", "bench"], env=environment, check=True, capture_output=True)
    return taken, used


def adding(nr_rounds: int) -> list[Measurement]:
    """From the command line to a client's first I/O, and what a device costs that nobody uses."""
    cold, warm, used = [], [], []
    program("nbd_client")
    for _ in range(nr_rounds):
        with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as cache:
            cold.append(add_once(cache)[0])
            taken, idle = add_once(cache, IDLE_SEC)
            warm.append(taken)
            used.append(100 * idle)
    return [
        Measurement("`blkmq add null_blk` to a client's first I/O, empty cache", cold, "s", "< 6 s"),
        Measurement("the same, warm cache", warm, "s", "< 1.5 s"),
        Measurement(f"CPU of an idle device, over {IDLE_SEC:.0f} s", used, "%", "0 %"),
    ]


def memory() -> list[Measurement]:
    """Resident memory of disks, with a warm cache."""
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as cache:
        huge = RESIDENT.format(arguments="size=250 * 1024", nr_mib=0, discard="flush()")
        kept = RESIDENT.format(
            arguments="size=1024, memory_backed=1, discard=1", nr_mib=256, discard="discard(0, 256 << 20)"
        )
        run_python(huge, cache)
        run_python(kept, cache)
        empty = run_python(huge, cache)
        before, full, after = run_python(kept, cache)
    return [
        Measurement("null_blk of 250 GiB, resident", empty[:1], "MiB", "< 200 MiB"),
        Measurement("memory-backed, nothing written, resident", [before], "MiB", ""),
        Measurement("… 256 MiB written", [full], "MiB", "grows with what is written"),
        Measurement("… and discarded", [after], "MiB", "shrinks again"),
    ]
