# SPDX-License-Identifier: MIT
"""The guest that the tests beside this one run in."""

from __future__ import annotations

import os
import platform
import subprocess
from pathlib import Path

import pytest

pytestmark = pytest.mark.lab()


def test_it_runs_a_kernel_of_the_matrix() -> None:
    assert platform.release().endswith(("-amd64", "-blkmq-debug"))


def test_it_is_ours() -> None:
    """Root, in this checkout, with its environment; what is written stays in the guest."""
    assert os.geteuid() == 0
    here = Path(__file__).with_name("written_in_the_guest")
    here.write_text("and lost")
    assert here.read_text() == "and lost"


def test_artifacts_stay() -> None:
    Path(os.environ["BLKMQ_ARTIFACTS"], "left.txt").write_text("left")


def test_the_kernels_log_can_be_read() -> None:
    assert platform.release() in subprocess.run(["dmesg"], capture_output=True, text=True, check=True).stdout


@pytest.mark.lab("null_blk")
def test_null_blk_loads() -> None:
    subprocess.run(["modprobe", "null_blk"], check=True)
    assert Path("/dev/nullb0").is_block_device()
    subprocess.run(["udevadm", "settle"], check=True)  # it reads each new disk, which is in use meanwhile
    subprocess.run(["rmmod", "null_blk"], check=True)


@pytest.mark.lab("ublk")
def test_ublk_loads() -> None:
    subprocess.run(["modprobe", "ublk_drv"], check=True)
    assert Path("/dev/ublk-control").is_char_device()
