# SPDX-License-Identifier: MIT
"""Real boots, by the command line.  Each takes its time: what a stand-in can show is not here."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from blkmq.lab.fetch import fetch
from blkmq.lab.kernel import find_kernel
from blkmq.lab.lab_error import LabError, LabExit
from blkmq.lab.vm import Machine, command_options, compose, virtme
from tests.cli_runs import run_process

DRIVER = """
import sys
import blkmq
from blkmq.compiler.numba.builder import BUILDER
from blkmq.drivers.ramdisk import RamDisk

BUILDER.is_off = True  # what is not found is compiled here, by Numba
with blkmq.serve(RamDisk(size=16), via="in_process") as disk:
    disk.write(0, b"Hello".ljust(4096, b"."))
    print(disk.read(0, 4096)[:5].decode(), "compiled" if "numba" in sys.modules else "found")
"""

# Two instructions 100,000 times, and how long that takes at least.
COUNT = r"""
#include <stdio.h>

int main(void)
{
    unsigned long least = -1;
    for (int i = 0; i < 20; i++) {
        unsigned low, high, n = 100000;
        asm volatile("rdtsc" : "=a"(low), "=d"(high));
        unsigned long start = (unsigned long)high << 32 | low;
        asm volatile("1: dec %0; jnz 1b" : "+r"(n));
        asm volatile("rdtsc" : "=a"(low), "=d"(high));
        unsigned long took = ((unsigned long)high << 32 | low) - start;
        least = took < least ? took : least;
    }
    printf("%lu\n", least);
}
"""


@pytest.fixture(autouse=True)
def can_boot() -> None:
    try:
        virtme()
    except LabError as error:
        pytest.skip(f"{error.text}: {error.hint}")


def boot(*words: str, kernel: str = "7.3", code: int = 0) -> subprocess.CompletedProcess[str]:
    """A run in the lab that ends with ``code``."""
    done = run_process("lab", "run", "--kernel", kernel, *words, capture_output=True, limit_sec=580)
    assert done.returncode == code, f"{done.stdout}\n{done.stderr}"
    return done


def kept(done: subprocess.CompletedProcess[str]) -> Path:
    """The directory of what a run has left."""
    return Path(re.findall(r"(/\S*/lab/runs/[^/\s]+)", done.stderr)[-1])


def test_a_kernel_without_modules_boots_from_an_initramfs_too(tmp_path: Path) -> None:
    here = fetch(find_kernel("7.3"), print)
    alone = tmp_path / "vmlinuz-alone"
    shutil.copyfile(here.vmlinuz, alone)
    assert "-initrd" in compose(Machine(vmlinuz=alone), tmp_path, command_options("true"), ())


@pytest.mark.slow
@pytest.mark.parametrize("kernel", ["6.12"])  # 7.3: below, and for all of tests/kernel
def test_a_kernel_boots_and_runs_a_command(kernel: str) -> None:
    text = 'echo out; echo err >&2; echo kept >"$BLKMQ_ARTIFACTS/kept"; uname -r; modprobe ublk_drv; exit 7'
    done = boot("--", "sh", "-c", text, kernel=kernel, code=7)
    out, release = done.stdout.split()
    assert out == "out"
    assert release.startswith(f"{kernel}.")
    assert "err\n" in done.stderr
    assert re.search("with (TCG|KVM)", done.stderr)
    directory = kept(done)
    assert (directory / "artifacts/kept").read_text() == "kept\n"
    assert release in (directory / "console.log").read_text()
    assert release in (directory / "dmesg.txt").read_text()
    shutil.rmtree(directory)


@pytest.mark.slow
def test_what_is_compiled_here_is_found_in_a_guest_that_then_panics(tmp_path: Path) -> None:
    program = tmp_path / "driver.py"
    program.write_text(DRIVER)
    subprocess.run([sys.executable, program], check=True, stdout=subprocess.DEVNULL)
    text = f"{sys.executable} {program}; echo c >/proc/sysrq-trigger; sleep 100"
    done = boot("--", "sh", "-c", text, code=LabExit.PANIC)
    assert done.stdout == "Hello found\n"
    assert "Kernel panic - not syncing: sysrq triggered crash" in done.stderr
    assert "console.log" in done.stderr


@pytest.mark.slow
def test_a_guest_that_counts_instructions_then_hangs(tmp_path: Path) -> None:
    """One nanosecond for each; an interrupt adds its own, so the shortest of many times counts."""
    source, program = tmp_path / "count.c", tmp_path / "count"
    source.write_text(COUNT)
    subprocess.run(["gcc", "-O1", "-static", "-o", program, source], check=True)
    text = f"nproc; {program}; {program}; sleep 1000"
    done = boot("--icount", "--timeout", "5", "--", "sh", "-c", text, code=LabExit.COMMAND_HANG)
    cpus, first, second = done.stdout.split()
    assert cpus == "1"
    assert first == second
    assert 200_000 <= int(first) < 200_020  # what reads the clock is an instruction, too
    assert "did not end in 5 seconds" in done.stderr
