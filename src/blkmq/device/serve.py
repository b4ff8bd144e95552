# SPDX-License-Identifier: MIT
"""``serve()``: a driver object becomes a disk."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import overload

from blkmq.device.target import executable_for
from blkmq.dispatch.running_set import RunningSet
from blkmq.mq.errors import BlkmqError
from blkmq.mq.operations import Operations
from blkmq.transport.in_process.disk import Door, InProcessDisk

DOORS = ("in_process",)


@overload
def serve(driver: Operations, *, via: str = ..., target: str = ...) -> InProcessDisk: ...


@overload
def serve(driver: Sequence[Operations], *, via: str = ..., target: str = ...) -> list[InProcessDisk]: ...


def serve(
    driver: Operations | Sequence[Operations], *, via: str = "nbd", target: str = "host"
) -> InProcessDisk | list[InProcessDisk]:
    """Puts a driver into service: one disk, or one for each driver of a list, which share a tag set.

    ``target`` is ``host`` (compiled by Numba), ``interpreted`` (Python, every rule checked) or ``c`` (the C that the
    kernel would get, compiled for user space).  ``via`` is the door: ``in_process`` gives a Python object; ``nbd``,
    which will be the default, is still to come.  The disk is a context manager; leaving it, or ``close()``, removes
    the disk and its whole tag set.
    """
    if via not in DOORS:
        raise BlkmqError(f"via = {via!r}: this version has no such door", hint=f'give via="{DOORS[0]}"')
    if isinstance(driver, type):
        raise BlkmqError(f"{driver.__name__} is a class", hint=f"serve an object: {driver.__name__}(...)")
    drivers = [driver] if isinstance(driver, Operations) else list(driver)
    if not drivers:
        raise BlkmqError("no driver to serve", hint="give one driver, or a list of drivers of one class")
    if len({type(one) for one in drivers}) > 1:
        raise BlkmqError("drivers of several classes on one tag set", hint="give a list of drivers of one class")
    executable = executable_for(drivers, target)
    log_notes(drivers)
    door = Door(RunningSet(drivers, executable))
    return door.disks[0] if isinstance(driver, Operations) else door.disks


def log_notes(drivers: Sequence[Operations]) -> None:
    """Logs what the configurations have to say: attributes without effect, say; C drivers do it by ``pr_info``."""
    for driver in drivers:
        for note in getattr(driver.config, "notes", list)():
            logging.getLogger("blkmq").warning(note)
