# SPDX-License-Identifier: MIT
"""A device as a process: the disks of one tag set, served until a signal asks it to end."""

from __future__ import annotations

import contextlib
import logging
import os
import resource
import signal
import socket
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from blkmq.device.control import ControlThread
from blkmq.device.device_directory import CONTROL, LOG, SOCKET
from blkmq.device.runtime_directory import Claim, DeviceRecord
from blkmq.device.serve import serve
from blkmq.dispatch.tags import nr_in_flight
from blkmq.mq.errors import BlkmqError
from blkmq.mq.operations import Operations
from blkmq.native.interrupt import lend_signal
from blkmq.transport.nbd.disk import NbdDisk

ENDING = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)


@dataclass(frozen=True)
class Wanted:
    """What the device is to be."""

    driver: str  #: as it was given, for those who look
    disks: Sequence[Operations]  #: drivers, one for each disk
    attributes: dict[str, str] = field(default_factory=dict)
    target: str = "host"
    via: str = "nbd"
    socket: str | None = None  #: else one in the runtime directory
    listen: str | None = None
    poll_usec: int = 0


def run_device(wanted: Wanted, claim: Claim, ready: Callable[[DeviceRecord], None]) -> None:
    """Serves until SIGTERM, SIGINT or SIGHUP; then answers what was received, and gives the name back.

    ``ready`` is called when clients can come.
    """
    signal.pthread_sigmask(signal.SIG_BLOCK, ENDING)  # before there are threads, which inherit it
    lend_signal()
    _raise_file_limit()
    try:
        address: dict[str, Any] = {"listen": wanted.listen} if wanted.listen else {}
        if not wanted.listen:
            address = {"socket": os.path.abspath(wanted.socket) if wanted.socket else claim.path / SOCKET}
        disks: list[NbdDisk] = serve(
            list(wanted.disks), via="nbd", target=wanted.target, poll_usec=wanted.poll_usec, **address
        )
        with disks[0]:
            uris = [disk.uri for disk in disks]
            record = DeviceRecord(
                claim.name, os.getpid(), wanted.driver, wanted.target, wanted.via, uris, wanted.attributes, time.time()
            )
            ControlThread(claim.path / CONTROL, lambda question: _answer(question, record, disks)).start()
            claim.publish(record)
            ready(record)
            _tell_systemd()
            logging.getLogger("blkmq").info("%s serves %s", claim.name, " ".join(uris))
            number = signal.sigwait(ENDING)
            logging.getLogger("blkmq").info("%s ends: %s", claim.name, signal.Signals(number).name)
            disks[0]._door.build.stop()
    finally:
        claim.release()


def _raise_file_limit() -> None:
    """A client is a file; what the administrator allows is not asked twice."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    with contextlib.suppress(OSError, ValueError):
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


def _tell_systemd() -> None:
    """A unit of ``Type=notify`` is ready now. C twin: ``sd_notify(0, "READY=1")``."""
    place = os.environ.get("NOTIFY_SOCKET", "")
    if place:
        with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as notifier:
            notifier.connect("\0" + place[1:] if place.startswith("@") else place)
            notifier.send(b"READY=1")


# --- questions --------------------------------------------------------------------------------------------
def _answer(question: dict[str, Any], record: DeviceRecord, disks: Sequence[NbdDisk]) -> Any:
    if question.get("verb") == "show":
        return _show(record, disks)
    if question.get("verb") == "set":
        attributes = question.get("attributes", {})
        disks[0].set(**attributes)
        held = _attributes(disks)
        return {name: held[name] for name in attributes}
    raise BlkmqError(f"no question {question.get('verb')!r}", hint="questions: show, set")


def _show(record: DeviceRecord, disks: Sequence[NbdDisk]) -> dict[str, Any]:
    running = disks[0]._door.running
    return {
        **asdict(record),
        "attributes": _attributes(disks),
        "disks": [
            {
                "name": disk.name,
                "uri": disk.uri,
                "size": disk.size,
                "block_size": disk.block_size,
                "read_only": int(disk.read_only),
            }
            for disk in disks
        ],
        "queues": [
            {
                "index": index,
                "depth": running.tag_set.queue_depth,
                "in_flight": nr_in_flight(running.record, queue),
                "queued": queue.nr_queued,
            }
            for index, queue in enumerate(running.queues)
        ],
        "counters": disks[0].counters(),
        "requests": disks[0].show_requests(),
        "reports": [str(report) for report in disks[0].reports()],
    }


def _attributes(disks: Sequence[NbdDisk]) -> dict[str, str | int]:
    """What the attributes are now."""
    from blkmq.mq.configuration import values_of

    values = values_of(disks[0]._door.running.disks[0].driver)
    return {name: str(value) if isinstance(value, Path) else int(value) for name, value in values.items()}


# --- a process of its own ---------------------------------------------------------------------------------
def detach(claim: Claim, serve_there: Callable[[Callable[[DeviceRecord], None]], int]) -> tuple[int, bytes] | int:
    """Forks: the child runs ``serve_there`` in a session of its own; the parent waits until it is ready, or over.

    In the parent: the child's exit code so far (0: it serves), and the device's name if it serves.  In the
    child, when it is over: its exit code alone.  Until it is ready the child writes to this terminal, afterwards to
    the device's log.
    """
    ours, theirs = os.pipe2(os.O_CLOEXEC)
    sys.stdout.flush()
    sys.stderr.flush()
    child = os.fork()
    if child:
        os.close(theirs)
        with open(ours, "rb") as pipe:
            said = pipe.read()
        if said:
            return 0, said
        _, status = os.waitpid(child, 0)
        return os.waitstatus_to_exitcode(status) & 0xFF, b""
    os.close(ours)
    os.setsid()

    def ready(record: DeviceRecord) -> None:
        log = os.open(claim.path / LOG, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        nothing = os.open(os.devnull, os.O_RDONLY)
        for fd, place in ((nothing, 0), (log, 1), (log, 2)):
            os.dup2(fd, place)
        os.close(log)
        os.close(nothing)
        os.chdir("/")
        with open(theirs, "wb") as pipe:
            pipe.write(claim.name.encode())

    return serve_there(ready)
