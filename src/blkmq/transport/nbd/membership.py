# SPDX-License-Identifier: MIT
"""Which connections are a port's: they come, move on to another port, and go.

The port's thread does all of it; Python tells it through pipes, and by the fields of the port that it sets.
"""

from __future__ import annotations

from blkmq.native.atomic import atomic_store
from blkmq.native.clock import monotonic_nsec
from blkmq.native.hot import hot
from blkmq.native.memory import address_of, copy_bytes, word_at
from blkmq.native.socket import EPOLL_CTL_ADD, EPOLL_CTL_DEL, epoll_control, read_word, write_word
from blkmq.transport.nbd.buffer import SMALL_BYTES, data_of, leave_buffer, take_buffer
from blkmq.transport.nbd.command import NR_COMMANDS, command_at
from blkmq.transport.nbd.connection import (
    NOWHERE,
    OPEN,
    READY,
    STALLED,
    ConnectionRecord,
    break_off,
    connection_at,
    finish_connection,
    make_answering,
    make_ready,
)
from blkmq.transport.nbd.issue import wait_for_tags
from blkmq.transport.nbd.port import PortRecord
from blkmq.transport.nbd.reply import EVENTS


@hot
def adopt(port: PortRecord) -> None:
    """Takes over new connections, and those of a port that goes."""
    address = read_word(port.arrivals_fd)
    while address != 0:
        connection = connection_at(address, 0)
        connection.previous_of_all = 0
        connection.next_of_all = port.connections
        if port.connections != 0:
            connection_at(port.connections, 0).previous_of_all = address
        port.connections = address
        port.nr_connections = port.nr_connections + 1
        connection.readable = 1  # what came before it was registered brings no event
        epoll_control(port.epoll_fd, EPOLL_CTL_ADD, connection.fd, EVENTS, address)
        make_ready(port, connection)
        if connection.has_moved != 0:
            settle_in(port, connection)
        else:
            free_commands(connection)
        if port.stop_nsec != 0:
            finish_connection(port, connection)
        elif connection.early_bytes > 0:
            take_early(port, connection)
        address = read_word(port.arrivals_fd)


@hot
def free_commands(connection: ConnectionRecord) -> None:
    """All commands of a new connection are free."""
    for i in range(NR_COMMANDS):
        command_at(connection.commands, i).next = connection.free_commands
        connection.free_commands = address_of(command_at(connection.commands, i), "next")


@hot
def settle_in(port: PortRecord, connection: ConnectionRecord) -> None:
    """A connection from another port goes on: its commands wait here for tags, its replies for the socket."""
    connection.has_moved = 0
    connection.wants_out = 0
    port.held_bytes = port.held_bytes + connection.held_bytes
    for i in range(NR_COMMANDS):
        command = command_at(connection.commands, i)
        if command.is_waiting != 0:
            wait_for_tags(port, command)
    if connection.replies_head != 0 or connection.state != OPEN:
        make_answering(port, connection)


@hot
def take_early(port: PortRecord, connection: ConnectionRecord) -> None:
    """Requests that a client in a hurry sent behind its last option."""
    connection.rx = take_buffer(port, connection, SMALL_BYTES)
    if connection.rx == 0:
        break_off(port, connection)
        return
    copy_bytes(data_of(connection.rx), connection.early, connection.early_bytes)
    connection.rx_end = connection.early_bytes
    connection.early_bytes = 0


@hot
def hand_on(port: PortRecord) -> None:
    """Nothing is in flight: the port's connections go on, as they are, at its heirs', of which it may be one."""
    adopt(port)
    port.ready_head = 0
    port.ready_tail = 0
    port.stalled = 0
    port.answering = 0
    port.waiting_head = 0
    port.waiting_tail = 0
    heir = port.next_heir
    while port.connections != 0:
        connection = connection_at(port.connections, 0)
        connection.place = NOWHERE
        connection.is_answering = 0
        connection.has_moved = 1
        port.held_bytes = port.held_bytes - connection.held_bytes
        take_off(port, connection)
        write_word(word_at(port.heirs, heir % port.nr_heirs).value, address_of(connection, "fd"))
        heir += 1
    atomic_store(port, "nr_heirs", 0)
    write_word(port.still_fd, 1)


@hot
def stop_all(port: PortRecord) -> None:
    """The disk goes: no connection is read any more; after ``stop_nsec`` none is written to either."""
    adopt(port)
    late = monotonic_nsec() >= port.stop_nsec
    link = port.connections
    while link != 0:
        connection = connection_at(link, 0)
        link = connection.next_of_all
        if late and connection.replies_head != 0:
            break_off(port, connection)
        elif connection.state == OPEN:
            finish_connection(port, connection)


@hot
def leave(port: PortRecord, connection: ConnectionRecord) -> None:
    """Takes a connection that is over off the port's lists, and lets it go."""
    if connection.place == READY:
        port.ready_head = without(port.ready_head, address_of(connection, "fd"))
        port.ready_tail = last(port.ready_head)
    elif connection.place == STALLED:
        port.stalled = without(port.stalled, address_of(connection, "fd"))
    connection.place = NOWHERE
    depart(port, connection)


@hot
def depart(port: PortRecord, connection: ConnectionRecord) -> None:
    """Hands a connection on which nothing is under way back to Python, which closes it."""
    if connection.rx != 0:
        leave_buffer(port, connection.rx)
    if connection.tx != 0:
        leave_buffer(port, connection.tx)
    connection.rx = 0
    connection.tx = 0
    take_off(port, connection)
    write_word(port.departures_fd, address_of(connection, "fd"))


@hot
def take_off(port: PortRecord, connection: ConnectionRecord) -> None:
    """A connection is not this port's any more."""
    if connection.previous_of_all != 0:
        connection_at(connection.previous_of_all, 0).next_of_all = connection.next_of_all
    else:
        port.connections = connection.next_of_all
    if connection.next_of_all != 0:
        connection_at(connection.next_of_all, 0).previous_of_all = connection.previous_of_all
    port.nr_connections = port.nr_connections - 1
    epoll_control(port.epoll_fd, EPOLL_CTL_DEL, connection.fd, 0, 0)


@hot
def without(head: int, address: int) -> int:
    """A list without one of its connections."""
    if head == address:
        return connection_at(head, 0).next
    link = head
    while link != 0:
        connection = connection_at(link, 0)
        if connection.next == address:
            connection.next = connection_at(address, 0).next
        link = connection.next
    return head


@hot
def last(head: int) -> int:
    """The last connection of a list; 0 if it is empty."""
    link = head
    while link != 0 and connection_at(link, 0).next != 0:
        link = connection_at(link, 0).next
    return link
