# SPDX-License-Identifier: MIT
"""A command from its first request to its reply: what comes when a portion, a flush or the whole of it is done."""

from __future__ import annotations

from blkmq.abi.nbd import (
    NBD_CMD_BLOCK_STATUS,
    NBD_CMD_CACHE,
    NBD_CMD_FLUSH,
    NBD_CMD_READ,
    NBD_CMD_WRITE,
)
from blkmq.dispatch.hw_queue import HwQueueRecord
from blkmq.dispatch.request import FILLED, UNTOUCHED, RequestRecord, request_at, segment_at
from blkmq.dispatch.tag_set import TagSetRecord
from blkmq.dispatch.tags import put_tag, status_of
from blkmq.native.hot import hot, hot_inline
from blkmq.native.memory import address_of, clear_bytes
from blkmq.transport.nbd.buffer import BIG_BYTES, clear_data, make_dirty
from blkmq.transport.nbd.check import error_of_status
from blkmq.transport.nbd.command import FLUSH, TRANSFER, CommandRecord, command_at, free_command, left_bytes
from blkmq.transport.nbd.connection import BROKEN, OPEN, ConnectionRecord, connection_at, make_answering, make_ready
from blkmq.transport.nbd.export import ExportRecord, export_at
from blkmq.transport.nbd.issue import describe, has_tag, issue, issue_flush
from blkmq.transport.nbd.port import PortRecord
from blkmq.transport.nbd.reply import reply, reply_with_data


@hot_inline
def export_of(command: CommandRecord) -> ExportRecord:
    return export_at(connection_at(command.connection, 0).export, 0)


@hot
def clear_request(request: RequestRecord) -> None:
    """Makes a request's data zeroes, which :func:`~blkmq.transport.nbd.issue.cut` laid out in one piece."""
    first = segment_at(request.segments, 0).address
    last = segment_at(request.segments, request.nr_segments - 1)
    clear_bytes(first, last.address + last.nr_bytes - first)


@hot
def begin(port: PortRecord, tag_set: TagSetRecord, queue: HwQueueRecord, command: CommandRecord) -> None:
    """Starts a command whose request has been checked, and whose first data is there."""
    connection = connection_at(command.connection, 0)
    export = export_at(connection.export, 0)
    kind = command.kind
    if kind == NBD_CMD_FLUSH and export.has_cache != 0:
        command.stage = FLUSH
        issue_flush(port, tag_set, queue, command)
    elif kind == NBD_CMD_FLUSH or kind == NBD_CMD_CACHE or kind == NBD_CMD_BLOCK_STATUS or command.nr_bytes == 0:
        reply(port, connection, command)
    else:
        describe(command, export)
        begin_portion(port, tag_set, queue, command)


@hot
def begin_portion(port: PortRecord, tag_set: TagSetRecord, queue: HwQueueRecord, command: CommandRecord) -> None:
    """Starts the next part of its data; what a driver leaves out of a read is zeroes."""
    left = command.nr_bytes - command.done_bytes
    command.portion_bytes = min(left, BIG_BYTES) if command.data != 0 else left
    command.issued_bytes = 0
    if command.kind == NBD_CMD_READ and export_of(command).clears_late == 0:
        if command.buffer != 0:
            clear_data(command.buffer, command.portion_bytes)
        else:
            clear_bytes(command.data, command.portion_bytes)
    issue(port, tag_set, queue, command)


@hot
def end_request(port: PortRecord, tag_set: TagSetRecord, queue: HwQueueRecord, index: int) -> None:
    """Dispatch gives a request back: its tag is free, its command a piece further."""
    request = request_at(tag_set.requests, index)
    command = command_at(request.cookie, 0)
    status = status_of(request)
    if command.kind == NBD_CMD_READ:
        if request.touched != FILLED and export_of(command).clears_late != 0:
            clear_request(request)
        if request.touched != UNTOUCHED and command.buffer != 0:
            make_dirty(command.buffer, command.portion_bytes)
    put_tag(tag_set, queue, index)
    port.has_freed = 1
    command.nr_pieces = command.nr_pieces - 1
    if status != 0:
        if command.error == 0:
            command.error = error_of_status(status, command.flags)
        if command.is_waiting == 0:
            command.issued_bytes = command.portion_bytes  # no more of it
    if command.nr_pieces == 0 and command.is_waiting == 0:
        end_portion(port, tag_set, queue, command)


@hot
def end_portion(port: PortRecord, tag_set: TagSetRecord, queue: HwQueueRecord, command: CommandRecord) -> None:
    """All requests of a portion, or of the flush, have ended."""
    connection = connection_at(command.connection, 0)
    if connection.state == BROKEN:
        forget(port, connection, command)
    elif command.error != 0:
        if command.kind == NBD_CMD_WRITE and left_bytes(command) > 0:
            refuse_rest(port, connection, command)
        else:
            reply(port, connection, command)
    elif command.kind == NBD_CMD_READ:
        reply_with_data(port, connection, command)
    elif command.kind == NBD_CMD_WRITE and left_bytes(command) > 0:
        command.done_bytes = command.done_bytes + command.portion_bytes
        connection.payload = connection.payload_next  # the next part of its data may come
        connection.payload_next = 0
        connection.payload_bytes = 0
        make_ready(port, connection)
        make_answering(port, connection)  # it may have ended meanwhile
    elif command.flushes == 1 and command.stage == TRANSFER:
        command.stage = FLUSH
        issue_flush(port, tag_set, queue, command)
    else:
        reply(port, connection, command)


@hot
def refuse_rest(port: PortRecord, connection: ConnectionRecord, command: CommandRecord) -> None:
    """A part of a very large write has failed: it is answered when the rest of its data has come, and gone."""
    connection.payload_next = 0
    if connection.state != OPEN:
        reply(port, connection, command)  # the rest never comes
        return
    connection.discard_bytes = left_bytes(command)
    connection.refused = address_of(command, "next")
    make_ready(port, connection)


@hot
def forget(port: PortRecord, connection: ConnectionRecord, command: CommandRecord) -> None:
    """A command of a broken connection: nobody waits for its reply."""
    if command.kind == NBD_CMD_WRITE and left_bytes(command) > 0:
        connection.payload_next = 0
    free_command(port, connection, command)
    make_answering(port, connection)


@hot
def issue_waiting(port: PortRecord, tag_set: TagSetRecord, queue: HwQueueRecord) -> None:
    """Goes on with what waits for tags, first come, first served."""
    while port.waiting_head != 0 and has_tag(port, queue):
        command = command_at(port.waiting_head, 0)
        port.waiting_head = command.next
        command.is_waiting = 0
        if command.error != 0:
            if command.nr_pieces == 0:
                end_portion(port, tag_set, queue, command)
        elif command.stage == FLUSH:
            issue_flush(port, tag_set, queue, command)
        else:
            issue(port, tag_set, queue, command)
