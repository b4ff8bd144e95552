# SPDX-License-Identifier: MIT
"""Who is compared: drivers with null_blk's configfs tree, of the kernel's own or built here."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from blkmq.kmod.load import CONFIGFS, load_module, mount_configfs

PATIENCE_SEC = 10.0
#: What C's null_blk has besides, so that its disk does the same work.
C_ONLY = {"poll_queues": "0"}


@dataclass(frozen=True, kw_only=True)
class KernelDriver:
    """A driver and where its module is; runs in the guest."""

    name: str
    module: str  #: as lsmod has it
    tree: str
    path: str = ""  #: of its .ko; the kernel's own has none

    def load(self) -> None:
        """Loads the module, without disks."""
        mount_configfs()
        if self.path:
            load_module(Path(self.path), {"nr_devices": "0"})
        else:
            subprocess.run(["modprobe", self.module, "nr_devices=0"], check=True)

    @contextmanager
    def disk(self, attributes: Mapping[str, str]) -> Iterator[Path]:
        """A disk of it, which goes again."""
        name = f"{self.tree}_compared"
        item = CONFIGFS / self.tree / name
        item.mkdir()
        try:
            for attribute, value in {**attributes, **(C_ONLY if not self.path else {})}.items():
                (item / attribute).write_text(value)
            (item / "power").write_text("1")
            queue = Path("/sys/block") / name / "queue"
            (queue / "scheduler").write_text("none")
            (queue / "nomerges").write_text("2")
            yield device(name)
        finally:
            item.rmdir()


def device(name: str) -> Path:
    """The node of a disk that has just been made."""
    path = Path("/dev") / name
    deadline = time.monotonic() + PATIENCE_SEC
    while not path.exists():
        if time.monotonic() > deadline:
            raise TimeoutError(f"{path} did not come")
        time.sleep(0.01)
    return path
