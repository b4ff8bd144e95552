# SPDX-License-Identifier: MIT
"""A client's request on its way, called a command here, where a request is blk-mq's.

A command whose data is longer than a big buffer goes in portions; a portion goes as one or more requests, as the
disk's limits want it.
"""

from __future__ import annotations

from blkmq.abi.nbd import NBD_MAXIMUM_PAYLOAD
from blkmq.mq.integer import s64
from blkmq.native.hot import hot, hot_inline
from blkmq.native.memory import address_of
from blkmq.native.record import Record, accessor
from blkmq.transport.nbd.buffer import leave_buffer
from blkmq.transport.nbd.connection import ConnectionRecord
from blkmq.transport.nbd.port import PortRecord

NR_COMMANDS = 128  #: under way for one connection
PAYLOAD_BYTES_MAX = NBD_MAXIMUM_PAYLOAD

TRANSFER, FLUSH = 0, 1  #: stages: the command's own requests; the flush that stands for FUA


class CommandRecord(Record):
    """One command. Owner: its port's thread."""

    next: s64  #: on the list that it is on: free, waiting, or its connection's replies
    connection: s64
    kind: s64  #: NBD_CMD_*
    flags: s64  #: NBD_CMD_FLAG_*
    cookie: s64
    offset: s64
    nr_bytes: s64
    error: s64  #: NBD_E* of the first thing that failed
    op: s64  #: REQ_OP_* of its requests
    request_flags: s64  #: REQ_*
    piece_bytes: s64  #: most of one request
    done_bytes: s64  #: of portions before this one
    portion_bytes: s64
    issued_bytes: s64  #: of the portion
    nr_pieces: s64  #: requests under way
    stage: s64
    flushes: s64  #: FUA by a flush
    data: s64  #: address of the portion's data; 0: none
    buffer: s64  #: that it lies in; 0: none
    reply: s64  #: address of the reply's bytes, once they are complete
    reply_bytes: s64
    reply_buffer: s64  #: that they lie in
    is_last: s64  #: nothing follows this reply
    is_waiting: s64  #: on the port's list, for tags


command_at = accessor(CommandRecord)


@hot
def take_command(port: PortRecord, connection: ConnectionRecord) -> int:
    """A free command, cleared as far as need be; 0: all are under way."""
    address = connection.free_commands
    if address != 0:
        command = command_at(address, 0)
        connection.free_commands = command.next
        connection.nr_commands = connection.nr_commands + 1
        port.nr_commands = port.nr_commands + 1
        command.connection = address_of(connection, "fd")
        command.next = 0
        command.error = 0
        command.request_flags = 0
        command.done_bytes = 0
        command.portion_bytes = 0
        command.issued_bytes = 0
        command.nr_pieces = 0
        command.stage = TRANSFER
        command.flushes = 0
        command.data = 0
        command.buffer = 0
        command.reply = 0
        command.reply_bytes = 0
        command.reply_buffer = 0
        command.is_last = 0
    return address


@hot
def free_command(port: PortRecord, connection: ConnectionRecord, command: CommandRecord) -> None:
    """The command is answered, or nobody wants its answer any more."""
    if command.buffer != 0:
        leave_buffer(port, command.buffer)
        command.buffer = 0
    if command.reply_buffer != 0:
        leave_buffer(port, command.reply_buffer)
        command.reply_buffer = 0
    command.next = connection.free_commands
    connection.free_commands = address_of(command, "next")
    connection.nr_commands = connection.nr_commands - 1
    port.has_freed = 1


@hot_inline
def left_bytes(command: CommandRecord) -> int:
    """What is left of it beyond the present portion."""
    return command.nr_bytes - command.done_bytes - command.portion_bytes
