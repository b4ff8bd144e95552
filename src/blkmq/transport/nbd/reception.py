# SPDX-License-Identifier: MIT
"""The thread that greets clients: accepts, shakes hands, hands connections to ports, and closes what comes back."""

from __future__ import annotations

import ctypes
import errno
import logging
import os
import selectors
import socket
import struct
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass

from blkmq.native.interrupt import can_interrupt
from blkmq.transport.nbd.command import NR_COMMANDS, CommandRecord
from blkmq.transport.nbd.connection import ConnectionRecord
from blkmq.transport.nbd.export import ExportRecord
from blkmq.transport.nbd.handshake import Agreement, Handshake, Offer
from blkmq.transport.nbd.port_thread import PortThread

log = logging.getLogger("blkmq.nbd")

NR_CONNECTIONS_MAX = 4096  #: at a time; more are turned away
HANDSHAKE_SEC = 30.0  #: a client that has not chosen an export by then is turned away
OUTPUT_BYTES_MAX = 1 << 20  #: of replies to options that a client does not read
ACCEPT_PAUSE_SEC = 0.1  #: when there are no file descriptors left
READ_BYTES = 64 << 10
SEND_BUFFER_BYTES = 1 << 20  #: of a client: while it reads a large read, the next is got; wmem_max bounds it
# How long a port may wait for its only client before it sees what else has happened, if it cannot be interrupted or
# the interruption comes too early.  The kernel sets a clock for each brief wait; long ones share one.
LONE_WAIT_USEC, BRIEF_WAIT_USEC = 300_000, 5_000


class ConnectionMemory(ctypes.Structure):
    """A connection's record with its commands."""

    _fields_ = (("connection", ConnectionRecord), ("commands", CommandRecord * NR_COMMANDS))


@dataclass(eq=False)
class Guest:
    """A client in the handshake."""

    socket: socket.socket
    handshake: Handshake
    until: float  #: by the monotonic clock
    output: bytes


class Reception(threading.Thread):
    """Accepts on one listening socket, for all exports."""

    def __init__(
        self, listener: socket.socket, offers: Sequence[Offer], exports: ctypes.Array[ExportRecord], name: str
    ) -> None:
        super().__init__(name=f"{name}-nbd", daemon=True)
        self.offers = offers
        self.exports = exports
        self._ports: Sequence[PortThread] = ()
        self._ports_gate = threading.Lock()
        self.nr_accepted = 0
        self.nr_refused = 0  #: clients that were turned away, or failed in the handshake
        self._listener = listener
        self._accept_at = 0.0  #: when to accept again; 0: now
        self._selector = selectors.DefaultSelector()
        self._wake_fd = os.eventfd(0, os.EFD_CLOEXEC | os.EFD_NONBLOCK)
        self._departures, self.departures_fd = os.pipe2(os.O_CLOEXEC)
        os.set_blocking(self._departures, False)
        self._guests: set[Guest] = set()
        self._open: dict[int, tuple[socket.socket, ConnectionMemory, ctypes.Array[ctypes.c_char]]] = {}
        self._next_port = 0
        self._closing = False
        self.closed = threading.Event()  #: nobody is let in any more
        self._selector.register(listener, selectors.EVENT_READ)
        self._selector.register(self._wake_fd, selectors.EVENT_READ)
        self._selector.register(self._departures, selectors.EVENT_READ)

    def use_ports(self, ports: Sequence[PortThread]) -> None:
        """Hands connections to these from now on.  Any thread."""
        with self._ports_gate:
            self._ports = ports

    @property
    def nr_connections(self) -> int:
        """Clients in the transmission phase."""
        return len(self._open)

    def stop(self) -> None:
        """Lets nobody in any more, then waits in :meth:`run` for the ports to give all connections back."""
        self._closing = True
        os.eventfd_write(self._wake_fd, 1)

    def run(self) -> None:
        while not (self._closing and not self._open):
            for key, events in self._selector.select(self._timeout()):
                if key.fileobj is self._listener:
                    self._accept()
                elif key.fileobj == self._wake_fd:
                    os.eventfd_read(self._wake_fd)
                elif key.fileobj == self._departures:
                    self._bid_farewell()
                elif key.data in self._guests:
                    self._attend(key.data, events)
            self._turn_away_late()
            self._accept_again()
            if self._closing and not self.closed.is_set():
                self._close_to_new()

    def close(self) -> None:
        """Frees what the thread had; it has ended."""
        self._close_to_new()
        for client, *_ in self._open.values():
            client.close()
        self._open.clear()
        self._selector.close()
        for fd in (self._wake_fd, self._departures, self.departures_fd):
            os.close(fd)

    def _close_to_new(self) -> None:
        if not self.closed.is_set():
            if self._accept_at == 0:
                self._selector.unregister(self._listener)
            self._listener.close()
            for guest in list(self._guests):
                self._dismiss(guest)
            self.closed.set()

    # --- coming -------------------------------------------------------------------------------------------
    def _timeout(self) -> float | None:
        times = [guest.until for guest in self._guests]
        if self._accept_at and not self.closed.is_set():
            times.append(self._accept_at)
        return max(min(times) - time.monotonic(), 0) if times else None

    def _accept(self) -> None:
        while not self._closing:
            try:
                client, _ = self._listener.accept()
            except BlockingIOError:
                return
            except OSError as error:
                if error.errno in (errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.ENOBUFS):
                    log.warning("cannot accept a client: %s", error.strerror)
                    self._selector.unregister(self._listener)
                    self._accept_at = time.monotonic() + ACCEPT_PAUSE_SEC
                    return
                continue  # that client is gone already
            self.nr_accepted += 1
            if len(self._guests) + len(self._open) >= NR_CONNECTIONS_MAX:
                self.nr_refused += 1
                client.close()
                continue
            self._greet(client)

    def _accept_again(self) -> None:
        if self._accept_at and time.monotonic() >= self._accept_at and not self.closed.is_set():
            self._accept_at = 0.0
            self._selector.register(self._listener, selectors.EVENT_READ)

    def _greet(self, client: socket.socket) -> None:
        client.setblocking(False)
        client.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER_BYTES)
        if client.family != socket.AF_UNIX:
            client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        handshake = Handshake(self.offers)
        guest = Guest(client, handshake, time.monotonic() + HANDSHAKE_SEC, handshake.greeting())
        self._guests.add(guest)
        self._selector.register(client, selectors.EVENT_READ, guest)
        self._advance(guest)

    # --- the handshake ------------------------------------------------------------------------------------
    def _attend(self, guest: Guest, events: int) -> None:
        try:
            if events & selectors.EVENT_READ and not guest.handshake.over:
                data = guest.socket.recv(READ_BYTES)
                if data:
                    guest.output += guest.handshake.receive(data)
                else:
                    guest.handshake.end_of_stream()
        except BlockingIOError:
            pass
        except OSError:
            self._dismiss(guest)
            return
        self._advance(guest)

    def _advance(self, guest: Guest) -> None:
        """Sends what is to be sent; then the handshake may be over."""
        try:
            while guest.output:
                guest.output = guest.output[guest.socket.send(guest.output) :]
        except BlockingIOError:
            pass
        except OSError:
            self._dismiss(guest)
            return
        if len(guest.output) > OUTPUT_BYTES_MAX:
            self._dismiss(guest, "it does not read replies")
        elif guest.handshake.over and not guest.output:
            if guest.handshake.agreement is None:
                self._dismiss(guest, guest.handshake.reason)
            else:
                self._hand_over(guest, guest.handshake.agreement)
        else:
            wanted = selectors.EVENT_WRITE if guest.output else selectors.EVENT_READ
            if self._selector.get_key(guest.socket).events != wanted:
                self._selector.modify(guest.socket, wanted, guest)

    def _dismiss(self, guest: Guest, reason: str = "") -> None:
        if reason:
            log.info("handshake ended: %s", reason)
            self.nr_refused += 1
        self._guests.discard(guest)
        self._selector.unregister(guest.socket)
        guest.socket.close()

    def _turn_away_late(self) -> None:
        now = time.monotonic()
        for guest in [guest for guest in self._guests if guest.until <= now]:
            self._dismiss(guest, f"no export chosen within {HANDSHAKE_SEC:g} s")

    # --- transmission -------------------------------------------------------------------------------------
    def _hand_over(self, guest: Guest, agreement: Agreement) -> None:
        self._guests.discard(guest)
        self._selector.unregister(guest.socket)
        guest.socket.setblocking(True)  # MSG_DONTWAIT says where it does not wait
        wait_usec = LONE_WAIT_USEC if can_interrupt() else BRIEF_WAIT_USEC
        guest.socket.setsockopt(
            socket.SOL_SOCKET, socket.SO_RCVTIMEO, struct.pack("@ll", *divmod(wait_usec, 1_000_000))
        )
        memory = ConnectionMemory()
        connection = memory.connection
        connection.fd = guest.socket.fileno()
        connection.export = ctypes.addressof(self.exports[agreement.export])
        connection.structured = int(agreement.structured)
        connection.base_allocation = int(agreement.base_allocation)
        connection.commands = ctypes.addressof(memory.commands)
        address = ctypes.addressof(connection)
        early = ctypes.create_string_buffer(guest.handshake.rest)
        connection.early = ctypes.addressof(early)
        connection.early_bytes = len(early) - 1
        self._open[address] = guest.socket, memory, early
        with self._ports_gate:
            self._ports[self._next_port % len(self._ports)].give(address)
        self._next_port += 1

    def _bid_farewell(self) -> None:
        """Closes the connections that ports gave back."""
        try:
            words = os.read(self._departures, READ_BYTES)
        except BlockingIOError:
            return
        for at in range(0, len(words), 8):
            client, *_ = self._open.pop(int.from_bytes(words[at : at + 8], "little"))
            client.close()
