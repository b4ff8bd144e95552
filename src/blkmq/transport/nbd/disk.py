# SPDX-License-Identifier: MIT
"""A disk that programs reach by NBD: its URI, its counters, its end."""

from __future__ import annotations

from collections.abc import Sequence
from types import TracebackType
from typing import TYPE_CHECKING, Any

from blkmq.abi.blk_types import SECTOR_SHIFT
from blkmq.dispatch.live_change import change_attributes
from blkmq.dispatch.report import Report
from blkmq.dispatch.show import show_requests

if TYPE_CHECKING:
    from blkmq.transport.nbd.door import Door


class NbdDisk:
    """One disk in service.  Programs use ``uri``; what is here is for whoever serves it.  Any thread."""

    def __init__(self, door: Door, index: int) -> None:
        self._door = door
        self._disk = door.running.disks[index]
        self.index = index

    @property
    def uri(self) -> str:
        """Where programs find it, as nbdinfo, fio, qemu-img and nbdcopy take it."""
        return self._door.address.uri("" if self.index == 0 else self.name)

    @property
    def name(self) -> str:
        """The disk's name, and its export's; the first disk is the default export too."""
        return self._disk.gen_disk.disk_name

    @property
    def size(self) -> int:
        """Capacity in bytes."""
        return self._disk.record.capacity_sectors << SECTOR_SHIFT

    @property
    def block_size(self) -> int:
        """Logical block size in bytes."""
        return self._disk.limits.logical_block_size

    @property
    def read_only(self) -> bool:
        """Whether writes are refused."""
        return self._disk.record.read_only != 0

    def counters(self) -> dict[str, int]:
        """What tag set and door have counted: requests, timeouts, errors, connections, sends …"""
        return self._door.running.counters() | self._door.counters()

    def reports(self) -> Sequence[Report]:
        """The newest errors of the driver's callbacks, each with file and line."""
        return list(self._door.running.reports())

    def show_requests(self) -> list[str]:
        """A line for each request in flight, with its Pdu."""
        return list(show_requests(self._door.running))

    def set(self, **attributes: Any) -> None:
        """Changes live attributes, of all disks of the tag set; a ConfigError, and nothing changes, if that cannot be.

        What is in flight ends first; what comes meanwhile waits. C: null_blk's configfs, in service.
        """
        change_attributes(self._door.running, self._door, attributes)

    def wait_until_compiled(self) -> None:
        """Returns when the door's loop is machine code: at once, unless it is compiled for the first time."""
        self._door.build.ready.wait()

    def close(self) -> None:
        """Removes the disk, and the others of its tag set: what was received is done and answered, then clients go."""
        self._door.close()

    def __enter__(self) -> NbdDisk:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()
