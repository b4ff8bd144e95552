# SPDX-License-Identifier: MIT
"""Real boots, by the command line.  Each takes its time: what a stand-in can show is not here."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from blkmq.lab.lab_error import LabError, LabExit
from blkmq.lab.vm import virtme
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
def test_a_guest_that_panics() -> None:
    done = boot("--", "sh", "-c", "echo c >/proc/sysrq-trigger; sleep 100", code=LabExit.PANIC)
    assert "Kernel panic - not syncing: sysrq triggered crash" in done.stderr
    assert "console.log" in done.stderr


@pytest.mark.slow
def test_a_command_that_hangs_on_one_cpu_that_counts() -> None:
    done = boot("--icount", "--timeout", "3", "--", "sh", "-c", "nproc; sleep 1000", code=LabExit.COMMAND_HANG)
    assert done.stdout == "1\n"
    assert "did not end in 3 seconds" in done.stderr


@pytest.mark.slow
def test_what_is_compiled_here_is_found_in_the_guest(tmp_path: Path) -> None:
    """And then the command switches the guest off, which is noticed."""
    program = tmp_path / "driver.py"
    program.write_text(DRIVER)
    subprocess.run([sys.executable, program], check=True, stdout=subprocess.DEVNULL)
    done = boot("--", "sh", "-c", f"{sys.executable} {program}; poweroff -f; sleep 100", code=LabExit.POWERED_OFF)
    assert done.stdout == "Hello found\n"
