# SPDX-License-Identifier: MIT
"""The NBD door of a running set: a reception, a port for each hardware queue, and an export for each disk."""

from __future__ import annotations

import errno
import os
import tempfile
import threading
from collections.abc import Sequence
from pathlib import Path

from blkmq.dispatch.running_set import RunningSet
from blkmq.mq.hctx_type import HctxType
from blkmq.transport.file_threads import FileThreads
from blkmq.transport.in_process.timeout_thread import TimeoutThread
from blkmq.transport.nbd.address import Address, UnixAddress, bound
from blkmq.transport.nbd.disk import NbdDisk
from blkmq.transport.nbd.export import ExportRecord, fill_export, offer_of
from blkmq.transport.nbd.loop_build import LoopBuild
from blkmq.transport.nbd.port_thread import PortThread
from blkmq.transport.nbd.reception import Reception
from blkmq.transport.work_thread import WorkThread

PORT_COUNTERS = ("nr_commands", "nr_receives", "nr_sends", "nr_sleeps", "nr_broken")


class Door:
    """Serves all disks of a set at one address, until :meth:`close`.

    Without an address it makes a socket in a directory of its own, which only this user can reach.
    ``build`` is what the ports' loops are taken from.  ``poll_nsec`` is how long an idle queue looks busily at its
    sockets before it sleeps; 0: not at all.
    """

    def __init__(
        self, running: RunningSet, address: Address | None = None, *, poll_nsec: int = 0, build: LoopBuild | None = None
    ) -> None:
        self.running = running
        self._own_directory: Path | None = None
        self._threads: list[threading.Thread] = []
        self.ports: list[PortThread] = []
        self._gone: list[PortThread] = []  #: ports of dropped queues: what they counted
        self._reception: Reception | None = None
        self._closed = False
        self._gate = threading.Lock()
        try:
            if address is None:
                self._own_directory = Path(tempfile.mkdtemp(prefix="blkmq-"))
                address = UnixAddress(self._own_directory / "nbd.sock")
            listener = address.listen()
            self.address = bound(address, listener)
            self._exports = (ExportRecord * len(running.disks))()
            for record, disk in zip(self._exports, running.disks, strict=True):
                fill_export(record, disk, running.executable)
            offers = [offer_of(disk, running.executable.name) for disk in running.disks]
            self.build = build if build is not None else LoopBuild.shared()
            self._reception = Reception(listener, offers, self._exports, running.executable.name)
            self._poll_nsec = poll_nsec
            self._make_ports()
            self._reception.use_ports(tuple(self.ports))
            self._worker = WorkThread(running)
            self._timeouts = TimeoutThread(running)
            self._files = FileThreads(running)
            self.disks = [NbdDisk(self, index) for index in range(len(running.disks))]
            for index in range(len(running.disks)):
                running.open_disk(index)
            for thread in (*self.ports, self._worker, self._timeouts, self._reception):
                thread.start()
                self._threads.append(thread)
            self._files.start()
        except BaseException:
            self.close()
            raise

    def counters(self) -> dict[str, int]:
        """What the ports have counted, summed, and the clients that are here now."""
        records = [port.record for port in (*self.ports, *self._gone)]
        counts = {name: sum(getattr(record, name) for record in records) for name in PORT_COUNTERS}
        if self._reception is not None:
            counts |= {
                "nr_connections": self._reception.nr_connections,
                "nr_accepted": self._reception.nr_accepted,
                "nr_refused": self._reception.nr_refused,
            }
        return counts

    def _make_ports(self) -> list[PortThread]:
        """A port for each default queue that has none."""
        assert self._reception is not None
        queues = self.running.tag_set.queues(HctxType.DEFAULT)[len(self.ports) :]
        departures_fd = self._reception.departures_fd
        made = [PortThread(self.running, queue, departures_fd, self._poll_nsec, self.build) for queue in queues]
        self.ports += made
        return made

    # --- its queues change: see live_change --------------------------------------------------------------------
    def runners(self) -> Sequence[PortThread]:
        """The threads of its queues; OSError if it is closed."""
        if self._closed:
            raise OSError(errno.ENODEV, f"{self.running.executable.name} is gone")
        return tuple(self.ports)

    def drop_queues(self, nr_hw_queues: int) -> None:
        """Ends the ports of all but that many; those get their clients."""
        assert self._reception is not None
        staying, going = self.ports[:nr_hw_queues], self.ports[nr_hw_queues:]
        self._reception.use_ports(tuple(staying))
        self.ports = staying
        for number, port in enumerate(going):
            port.hand_on(staying, number, leaving=True)
            port.close()
            self._threads.remove(port)
            self._gone.append(port)

    def run_queues(self) -> None:
        """Starts a port for each new queue of the set, and spreads the clients over all."""
        assert self._reception is not None
        there, made = tuple(self.ports), self._make_ports()
        for port in made:
            port.start()
            self._threads.append(port)
        self._reception.use_ports(tuple(self.ports))
        first = 0
        for port in there if made else ():
            nr_connections = port.record.nr_connections
            port.hand_on(self.ports, first)
            first += nr_connections

    def close(self) -> None:
        """Lets nobody in, answers what was received (the tag set's timeout bounds it), and takes everything down."""
        with self._gate:
            if self._closed:
                return
            self._closed = True
        reception = self._reception
        if reception is not None and reception in self._threads:
            reception.stop()
            reception.closed.wait()
        if reception is not None and hasattr(self, "address"):
            self.address.remove()
        self.running.begin_removal()
        if hasattr(self, "_timeouts"):
            self._timeouts.wake()
        started = [port for port in self.ports if port in self._threads]
        for port in started:
            port.stop()
        for thread in (*started, *([reception] if reception in self._threads else [])):
            if thread is not None:
                thread.join()
        if hasattr(self, "_files"):
            self._files.stop()
        for name in ("_worker", "_timeouts"):
            other = getattr(self, name, None)
            if other in self._threads:
                other.stop()
                other.join()
        for port in self.ports:
            port.close()
        if reception is not None:
            reception.close()
        self.running.close()
        if self._own_directory is not None:
            os.rmdir(self._own_directory)
