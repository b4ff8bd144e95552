# SPDX-License-Identifier: MIT
"""``serve()``: a driver object becomes a disk."""

from __future__ import annotations

import logging
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal, overload

from blkmq.device.target import executable_for
from blkmq.dispatch.running_set import RunningSet
from blkmq.mq.errors import BlkmqError
from blkmq.mq.operations import Operations
from blkmq.transport.in_process.disk import InProcessDisk
from blkmq.transport.in_process.door import Door
from blkmq.transport.nbd.disk import NbdDisk

DOORS = ("nbd", "in_process")


@overload
def serve(driver: Operations, *, via: Literal["in_process"], target: str = ...) -> InProcessDisk: ...


@overload
def serve(driver: Sequence[Operations], *, via: Literal["in_process"], target: str = ...) -> list[InProcessDisk]: ...


@overload
def serve(
    driver: Operations,
    *,
    via: Literal["nbd"] = ...,
    target: str = ...,
    socket: str | os.PathLike[str] | None = ...,
    listen: str | None = ...,
    poll_usec: int = ...,
) -> NbdDisk: ...


@overload
def serve(
    driver: Sequence[Operations],
    *,
    via: Literal["nbd"] = ...,
    target: str = ...,
    socket: str | os.PathLike[str] | None = ...,
    listen: str | None = ...,
    poll_usec: int = ...,
) -> list[NbdDisk]: ...


def serve(
    driver: Operations | Sequence[Operations],
    *,
    via: str = "nbd",
    target: str = "host",
    socket: str | os.PathLike[str] | None = None,
    listen: str | None = None,
    poll_usec: int = 0,
) -> Any:
    """Puts a driver into service: one disk, or one for each driver of a list, which share a tag set.

    ``target`` is ``host`` (compiled by Numba), ``interpreted`` (Python, every rule checked) or ``c`` (the C that the
    kernel would get, compiled for user space).  ``via`` is the door: ``nbd`` gives a disk whose ``uri`` other programs
    open, ``in_process`` a Python object to read and write.  The disk is a context manager; leaving it, or ``close()``,
    removes the disk and its whole tag set.

    For ``nbd``: ``socket`` is the path of a Unix socket, by default one in a directory of its own; ``listen`` is a
    loopback ``HOST:PORT`` instead; ``poll_usec`` lets an idle queue look busily at its sockets before it sleeps, at
    most that long, which costs CPU and saves wake-ups.
    """
    if via not in DOORS:
        raise BlkmqError(f"via = {via!r}: this version has no such door", hint=f"doors: {', '.join(DOORS)}")
    if via != "nbd" and (socket is not None or listen is not None or poll_usec):
        raise BlkmqError(f"socket, listen and poll_usec are for NBD, not for via = {via!r}", hint='give via="nbd"')
    if socket is not None and listen is not None:
        raise BlkmqError("both a socket and a port to listen on", hint="give socket or listen")
    if poll_usec < 0:
        raise BlkmqError(f"poll_usec = {poll_usec} is negative", hint="give microseconds, 0 for none")
    running = running_set(driver, target)
    door: Any
    if via == "in_process":
        door = Door(running)
    else:
        from blkmq.transport.nbd.address import UnixAddress, tcp_address
        from blkmq.transport.nbd.door import Door as NbdDoor

        try:
            address = tcp_address(listen) if listen is not None else None
        except BaseException:
            running.close()
            raise
        if socket is not None:
            door = NbdDoor(running, UnixAddress(Path(socket)), poll_nsec=poll_usec * 1000)
        else:
            door = NbdDoor(running, address, poll_nsec=poll_usec * 1000)
    return door.disks[0] if isinstance(driver, Operations) else door.disks


def running_set(driver: Operations | Sequence[Operations], target: str) -> RunningSet:
    """The driver on its target, ready for a door."""
    if isinstance(driver, type):
        raise BlkmqError(f"{driver.__name__} is a class", hint=f"serve an object: {driver.__name__}(...)")
    drivers = list(driver) if isinstance(driver, Sequence) else [driver]
    if not drivers:
        raise BlkmqError("no driver to serve", hint="give one driver, or a list of drivers of one class")
    for one in drivers:
        if not isinstance(one, Operations):
            raise BlkmqError(f"{one!r} is no driver", hint="serve an object of a class that derives from Operations")
    if len({type(one) for one in drivers}) > 1:
        raise BlkmqError("drivers of several classes on one tag set", hint="give a list of drivers of one class")
    executable = executable_for(drivers, target)
    log_notes(drivers)
    return RunningSet(drivers, executable)


def log_notes(drivers: Sequence[Operations]) -> None:
    """Logs what the configurations have to say: attributes without effect, say; C drivers do it by ``pr_info``."""
    for driver in drivers:
        for note in getattr(driver.config, "notes", list)():
            logging.getLogger("blkmq").warning(note)
