# SPDX-License-Identifier: MIT
"""Receiving: all complete requests of what came, at once; the data of large writes straight to its place."""

from __future__ import annotations

from blkmq.abi.nbd import (
    NBD_CMD_DISC,
    NBD_CMD_READ,
    NBD_CMD_WRITE,
    NBD_REQUEST_BYTES,
    NBD_REQUEST_MAGIC,
)
from blkmq.dispatch.hw_queue import HwQueueRecord
from blkmq.dispatch.tag_set import TagSetRecord
from blkmq.native.big_endian import get_be16, get_be32, get_be64
from blkmq.native.hot import hot, hot_inline
from blkmq.native.memory import copy_bytes
from blkmq.native.socket import EAGAIN, EINTR, recv_now, recv_soon
from blkmq.transport.nbd.buffer import (
    BIG_BYTES,
    SMALL_BYTES,
    buffer_at,
    data_of,
    leave_buffer,
    make_dirty,
    may_take,
    take_buffer,
    use_buffer,
)
from blkmq.transport.nbd.check import error_of_request
from blkmq.transport.nbd.command import NR_COMMANDS, CommandRecord, command_at, free_command, take_command
from blkmq.transport.nbd.connection import (
    OPEN,
    ConnectionRecord,
    break_off,
    finish_connection,
    make_ready,
    stall,
)
from blkmq.transport.nbd.export import export_at
from blkmq.transport.nbd.issue import has_tag
from blkmq.transport.nbd.port import PortRecord
from blkmq.transport.nbd.progress import begin
from blkmq.transport.nbd.reply import head_bytes, lay_out, reply

IN_PLACE_BYTES = 64 << 10  #: data up to here stays where it was received, and is answered from a shared buffer
# A lone connection is answered bite by bite: its client goes on while the next bite is done.
BITE_BYTES, NR_BITE = 32 << 10, 8
NR_ROUNDS = 16  #: of receiving large data, before others have their turn

# What became of an attempt.  ENOUGH: it is dispatch's turn, after a bite, or after a large request: when what was sent
# frees its buffer, the next may have it, and one that the CPU's cache still has is twice as fast as a fresh one.
DONE, MORE, NO_ROOM, ENOUGH = 0, 1, 2, 3


@hot
def rx_room(port: PortRecord, connection: ConnectionRecord, nr_bytes: int) -> bool:
    """Makes sure that ``nr_bytes`` from ``rx_begin`` on have room in the receive buffer; False: not now."""
    if connection.rx != 0:
        if buffer_at(connection.rx, 0).nr_users == 1 and connection.rx_begin == connection.rx_end:
            connection.rx_begin = 0
            connection.rx_end = 0
        if connection.rx_begin + nr_bytes <= SMALL_BYTES:
            return True
    if not may_take(port, connection, SMALL_BYTES):
        return False
    fresh = take_buffer(port, connection, SMALL_BYTES)
    if fresh == 0:
        return False
    length = connection.rx_end - connection.rx_begin
    if connection.rx != 0:
        copy_bytes(data_of(fresh), data_of(connection.rx) + connection.rx_begin, length)
        leave_buffer(port, connection.rx)
    connection.rx = fresh
    connection.rx_begin = 0
    connection.rx_end = length
    return True


@hot
def receive(port: PortRecord, tag_set: TagSetRecord, queue: HwQueueRecord, connection: ConnectionRecord) -> None:
    """One turn of a connection: what is there, parsed; then, if there may be more, what comes next."""
    rounds = 0
    while connection.state == OPEN:
        outcome = parse_all(port, tag_set, queue, connection)
        if outcome == NO_ROOM:
            stall(port, connection)
            return
        if outcome == ENOUGH:
            make_ready(port, connection)
            return
        if connection.readable == 0 or connection.state != OPEN:
            return
        if rounds > 0 and (rounds == NR_ROUNDS or connection.is_straight == 0):
            make_ready(port, connection)
            return
        if connection.payload_next != 0:
            return  # a very large write: its next part is received when the one before is written
        rounds += 1
        if not receive_once(port, tag_set, queue, connection):
            stall(port, connection)
            return


@hot
def receive_once(port: PortRecord, tag_set: TagSetRecord, queue: HwQueueRecord, connection: ConnectionRecord) -> bool:
    """Receives once, to where the next bytes belong; False: there is no memory now."""
    if connection.payload != 0:
        command = command_at(connection.payload, 0)
        wanted = min(command.nr_bytes - command.done_bytes, BIG_BYTES) - connection.payload_bytes
        got = take_in(port, connection, command.data + connection.payload_bytes, wanted)
        if got > 0:
            connection.payload_bytes = connection.payload_bytes + got
            if got == wanted:
                end_payload(port, tag_set, queue, connection, command)
                connection.has_large = 1
        return True
    if not rx_room(
        port, connection, max(connection.rx_end - connection.rx_begin + 1, NBD_REQUEST_BYTES + IN_PLACE_BYTES)
    ):
        return False
    room = SMALL_BYTES - connection.rx_end
    if port.nr_connections == 1 and connection.rx_end - connection.rx_begin < BITE_BYTES:
        room = min(room, BITE_BYTES)
    if connection.is_straight != 0 and connection.discard_bytes == 0:
        room = NBD_REQUEST_BYTES - (connection.rx_end - connection.rx_begin)
    got = take_in(port, connection, data_of(connection.rx) + connection.rx_end, room)
    if got > 0:
        connection.rx_end = connection.rx_end + got
    return True


@hot
def take_in(port: PortRecord, connection: ConnectionRecord, address: int, nr_bytes: int) -> int:
    """Receives; how much came.  Less than asked means that the socket has no more for now, but maybe its end."""
    if connection.may_wait != 0:
        connection.may_wait = 0
        got = recv_soon(connection.fd, address, nr_bytes)
    else:
        got = recv_now(connection.fd, address, nr_bytes)
    connection.is_quiet = 1 if got == -EAGAIN else 0
    port.nr_receives = port.nr_receives + 1
    if (got <= 0 and got != -EINTR) or (got < nr_bytes and connection.hung_up == 0):
        connection.readable = 0
    if got == 0:
        finish_connection(port, connection)
    elif got < 0 and got != -EAGAIN and got != -EINTR:
        break_off(port, connection)
    return got


@hot
def end_payload(
    port: PortRecord, tag_set: TagSetRecord, queue: HwQueueRecord, connection: ConnectionRecord, command: CommandRecord
) -> None:
    """A write's portion is in memory; the next one, if there is one, waits until this one is written."""
    is_last = command.done_bytes + connection.payload_bytes == command.nr_bytes
    connection.payload_next = 0 if is_last else connection.payload
    connection.payload = 0
    begin(port, tag_set, queue, command)


@hot
def parse_all(port: PortRecord, tag_set: TagSetRecord, queue: HwQueueRecord, connection: ConnectionRecord) -> int:
    """Starts every complete request in the receive buffer: MORE; NO_ROOM if one has to wait; ENOUGH."""
    if connection.has_large != 0:
        connection.has_large = 0
        return ENOUGH
    left = NR_BITE if port.nr_connections == 1 else NR_COMMANDS
    while connection.state == OPEN and connection.payload_next == 0:
        if connection.payload != 0:
            if connection.rx_begin < connection.rx_end:
                fill_from_rx(port, tag_set, queue, connection, command_at(connection.payload, 0))
            return MORE if connection.payload != 0 else ENOUGH
        if connection.discard_bytes > 0:
            gone = min(connection.discard_bytes, connection.rx_end - connection.rx_begin)
            connection.rx_begin = connection.rx_begin + gone
            connection.discard_bytes = connection.discard_bytes - gone
            if connection.discard_bytes > 0:
                return MORE
            command = command_at(connection.refused, 0)
            connection.refused = 0
            reply(port, connection, command)  # not before: a client that still sends does not look for it
        if connection.rx_end - connection.rx_begin < NBD_REQUEST_BYTES:
            return MORE
        outcome = parse(port, tag_set, queue, connection)
        if outcome != DONE:
            return outcome
        left -= 1
        if left == 0:
            return ENOUGH
    return MORE


@hot_inline
def has_enough(connection: ConnectionRecord) -> bool:
    """Whether a client has replies to read before another large one: but if its socket is full, the data can be got."""
    return connection.replies_head != 0 and (connection.wants_out == 0 or connection.nr_commands > 1)


@hot
def parse(port: PortRecord, tag_set: TagSetRecord, queue: HwQueueRecord, connection: ConnectionRecord) -> int:
    """Takes one request off the receive buffer and starts it: DONE; MORE of it must come; or NO_ROOM for it."""
    at = data_of(connection.rx) + connection.rx_begin
    if get_be32(at) != NBD_REQUEST_MAGIC:
        break_off(port, connection)
        return DONE
    kind = get_be16(at + 6)
    if kind == NBD_CMD_DISC:
        finish_connection(port, connection)
        return DONE
    flags = get_be16(at + 4)
    offset = get_be64(at + 16)
    nr_bytes = get_be32(at + 24)
    export = export_at(connection.export, 0)
    error = error_of_request(connection, export, kind, flags, offset, nr_bytes)
    there = connection.rx_end - connection.rx_begin - NBD_REQUEST_BYTES
    has_data = error == 0 and (kind == NBD_CMD_READ or kind == NBD_CMD_WRITE)
    is_large = has_data and nr_bytes > IN_PLACE_BYTES
    if kind == NBD_CMD_WRITE or not is_large:
        connection.is_straight = 1 if is_large else 0
    if kind == NBD_CMD_WRITE and has_data and not is_large and there < nr_bytes:
        return MORE if rx_room(port, connection, NBD_REQUEST_BYTES + nr_bytes) else NO_ROOM
    if not has_tag(port, queue) or port.waiting_head != 0:
        return NO_ROOM
    if is_large and kind == NBD_CMD_READ and has_enough(connection):
        return NO_ROOM
    room = min(nr_bytes, BIG_BYTES) if is_large else SMALL_BYTES
    if not may_take(port, connection, room) and (is_large or kind != NBD_CMD_WRITE):
        return NO_ROOM
    address = take_command(port, connection)
    if address == 0:
        return NO_ROOM
    command = command_at(address, 0)
    command.kind = kind
    command.flags = flags
    command.cookie = get_be64(at + 8)
    command.offset = offset
    command.nr_bytes = nr_bytes
    command.error = error
    connection.rx_begin = connection.rx_begin + NBD_REQUEST_BYTES
    if error != 0:
        if kind == NBD_CMD_WRITE and nr_bytes > 0:
            connection.discard_bytes = nr_bytes
            connection.refused = address
        else:
            reply(port, connection, command)
        return DONE
    if is_large:
        command.buffer = take_buffer(port, connection, max(room, SMALL_BYTES + 1))
        command.data = data_of(command.buffer)
        if command.buffer == 0:
            no_memory(port, connection, command)
            return DONE
        if kind == NBD_CMD_WRITE:
            make_dirty(command.buffer, room)
            connection.payload = address
            connection.payload_bytes = 0
            return DONE
    elif kind == NBD_CMD_READ and nr_bytes > 0:
        head = head_bytes(connection)
        place = lay_out(port, connection, command, head, nr_bytes, export.alignment - 1)
        command.data = place + head
        if place == 0:
            no_memory(port, connection, command)
            return DONE
    elif kind == NBD_CMD_WRITE and nr_bytes > 0:
        use_buffer(connection.rx)
        command.buffer = connection.rx
        command.data = at + NBD_REQUEST_BYTES
        connection.rx_begin = connection.rx_begin + nr_bytes
    begin(port, tag_set, queue, command)
    return ENOUGH if is_large else DONE


@hot
def no_memory(port: PortRecord, connection: ConnectionRecord, command: CommandRecord) -> None:
    """The system has no address space left: the client is better off without us."""
    free_command(port, connection, command)
    break_off(port, connection)


@hot
def fill_from_rx(
    port: PortRecord, tag_set: TagSetRecord, queue: HwQueueRecord, connection: ConnectionRecord, command: CommandRecord
) -> None:
    """A large write: what has come of its data moves to its place, the rest will be received there."""
    wanted = min(command.nr_bytes - command.done_bytes, BIG_BYTES) - connection.payload_bytes
    got = min(wanted, connection.rx_end - connection.rx_begin)
    copy_bytes(command.data + connection.payload_bytes, data_of(connection.rx) + connection.rx_begin, got)
    connection.rx_begin = connection.rx_begin + got
    connection.payload_bytes = connection.payload_bytes + got
    if got == wanted:
        end_payload(port, tag_set, queue, connection, command)
