# SPDX-License-Identifier: MIT
"""Builds modules on the host, before the guest boots; in the guest, removes what a test leaves loaded."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from blkmq.lab.kernel import find_kernel
from blkmq.testing.guest_reports import WANTED_VARIABLE
from tests.kernel.modules import DRIVERS, MODULES_VARIABLE, build_all, disks_of


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """The guest sees this machine's files, so that what is built here can be loaded there."""
    if WANTED_VARIABLE in os.environ or config.option.collectonly:
        return
    has = set(find_kernel(config.option.lab_kernel).has)
    needs = [set(marker.args) for item in items for marker in item.iter_markers("lab")]
    if not any("modules" in needed and needed <= has for needed in needs):
        return
    directory = config.rootpath / "build" / "modules" / config.option.lab_kernel
    directory.mkdir(parents=True, exist_ok=True)
    build_all(config.option.lab_kernel, directory)
    os.environ[MODULES_VARIABLE] = str(directory)


@pytest.fixture
def unloaded() -> Iterator[None]:
    """Whatever the test did, none of our modules is left."""
    yield
    for name in (*DRIVERS, "slow_ram"):
        if (Path("/sys/module") / name).is_dir():
            tree = "nullb" if name == "null_blk" else name
            for item in disks_of(tree):
                item.rmdir()
            subprocess.run(["udevadm", "settle"], check=True)
            subprocess.run(["rmmod", name], check=True)
