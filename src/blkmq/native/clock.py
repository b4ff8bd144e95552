# SPDX-License-Identifier: MIT
"""Clocks and waiting, for hot loops."""

from __future__ import annotations

import os
import select
import time

_poll_objects: dict[int, select.poll] = {}


def monotonic_nsec() -> int:
    """C twin: ``ktime_get_ns()``."""
    return time.monotonic_ns()


def wait_readable(fd: int, timeout_nsec: int) -> bool:
    """Sleeps until ``fd`` is readable or the time is over; whether it is. C twin: ``ppoll``."""
    poll = _poll_objects.get(fd)
    if poll is None:
        poll = _poll_objects[fd] = select.poll()
        poll.register(fd, select.POLLIN)
    return bool(poll.poll(max(timeout_nsec, 0) / 1_000_000))


def wake(fd: int) -> None:
    """Makes an eventfd readable."""
    os.eventfd_write(fd, 1)


def drain(fd: int) -> None:
    """Makes a readable eventfd unreadable again."""
    os.eventfd_read(fd)
