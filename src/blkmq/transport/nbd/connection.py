# SPDX-License-Identifier: MIT
"""A client's connection in the transmission phase, and the lists that a port keeps of them."""

from __future__ import annotations

from blkmq.mq.integer import s64
from blkmq.native.hot import hot, hot_inline
from blkmq.native.memory import address_of
from blkmq.native.record import Record, accessor
from blkmq.transport.nbd.port import PortRecord

OPEN = 0
FINISHING = 1  #: nothing more is read; what is under way is answered
BROKEN = 2  #: nothing is sent any more either

NOWHERE, READY, STALLED = 0, 1, 2


class ConnectionRecord(Record):
    """One connection. Owner: its port's thread, from arrival to departure."""

    fd: s64
    export: s64  #: its ExportRecord
    structured: s64  #: structured replies were negotiated
    base_allocation: s64  #: so was the metadata context
    has_moved: s64  #: it comes from another port, as it was there
    early: s64  #: address of what the client sent before the handshake was over
    early_bytes: s64
    state: s64  #: OPEN, FINISHING, BROKEN
    place: s64  #: NOWHERE, READY, STALLED: which list ``next`` belongs to
    next: s64
    is_answering: s64
    next_answering: s64
    previous_of_all: s64
    next_of_all: s64
    readable: s64  #: the socket may have something
    is_quiet: s64  #: it had nothing, the last time
    may_wait: s64  #: the next receive may wait for it, a little
    is_awaited: s64  #: its client has sent one request, and seems to sleep until it is answered
    hung_up: s64  #: the client has closed its side: what is there ends with the stream's end
    wants_out: s64  #: epoll tells when the socket takes more
    rx: s64  #: buffer with what was received and not yet parsed, at rx_begin..rx_end
    rx_begin: s64
    rx_end: s64
    is_straight: s64  #: large writes come: receive the next head alone, its data straight to its place
    payload: s64  #: command whose data is being received
    payload_bytes: s64  #: of it received so far
    has_large: s64  #: a large write has just come whole
    payload_next: s64  #: the same, while one portion is written and the next one waits
    refused: s64  #: a write that is answered when its data has come, and gone
    discard_bytes: s64  #: of that data, still to come
    tx: s64  #: buffer in which replies are laid out
    replies_head: s64  #: list of commands to answer
    replies_tail: s64
    sent_bytes: s64  #: of the first of them
    midway: s64  #: read of which portions are sent: what follows must be its next one
    commands: s64  #: address of its CommandRecords
    free_commands: s64  #: list
    nr_commands: s64  #: under way
    held_bytes: s64  #: memory in its buffers


connection_at = accessor(ConnectionRecord)


@hot_inline
def make_ready(port: PortRecord, connection: ConnectionRecord) -> None:
    """Puts a connection on the list of those to look at, at its end."""
    if connection.place == NOWHERE:
        address = address_of(connection, "fd")
        connection.place = READY
        connection.next = 0
        if port.ready_head == 0:
            port.ready_head = address
        else:
            connection_at(port.ready_tail, 0).next = address
        port.ready_tail = address


@hot
def stall(port: PortRecord, connection: ConnectionRecord) -> None:
    """The connection waits until something is freed."""
    if connection.place == NOWHERE:
        connection.place = STALLED
        connection.next = port.stalled
        port.stalled = address_of(connection, "fd")


@hot
def wake_stalled(port: PortRecord) -> None:
    """Something was freed: those that wait look again."""
    link = port.stalled
    port.stalled = 0
    while link != 0:
        connection = connection_at(link, 0)
        link = connection.next
        connection.place = NOWHERE
        make_ready(port, connection)


@hot_inline
def make_answering(port: PortRecord, connection: ConnectionRecord) -> None:
    """Puts a connection on the list of those whose replies are sent next."""
    if connection.is_answering == 0:
        connection.is_answering = 1
        connection.next_answering = port.answering
        port.answering = address_of(connection, "fd")


@hot
def break_off(port: PortRecord, connection: ConnectionRecord) -> None:
    """Ends a connection that broke a rule, or whose client is gone: nothing more is read or sent."""
    if connection.state != BROKEN:
        connection.state = BROKEN
        port.nr_broken = port.nr_broken + 1
    make_answering(port, connection)


@hot
def finish_connection(port: PortRecord, connection: ConnectionRecord) -> None:
    """Nothing more is read; it ends when all is answered."""
    if connection.state == OPEN:
        connection.state = FINISHING
    make_answering(port, connection)
