# SPDX-License-Identifier: MIT
"""Commands as blk-mq requests: split by the disk's limits, given to dispatch as far as there are tags."""

from __future__ import annotations

from blkmq.abi.blk_types import (
    REQ_FUA,
    REQ_NOUNMAP,
    REQ_OP_DISCARD,
    REQ_OP_FLUSH,
    REQ_OP_READ,
    REQ_OP_WRITE,
    REQ_OP_WRITE_ZEROES,
    SECTOR_SHIFT,
)
from blkmq.abi.nbd import (
    NBD_CMD_FLAG_FUA,
    NBD_CMD_FLAG_NO_HOLE,
    NBD_CMD_READ,
    NBD_CMD_TRIM,
    NBD_CMD_WRITE,
    NBD_CMD_WRITE_ZEROES,
)
from blkmq.abi.page import PAGE_SIZE
from blkmq.dispatch.hctx import append
from blkmq.dispatch.hw_queue import HwQueueRecord
from blkmq.dispatch.request import RequestRecord, request_at, segment_at
from blkmq.dispatch.tag_set import TagSetRecord
from blkmq.dispatch.tags import get_tag
from blkmq.native.atomic import atomic_load
from blkmq.native.hot import hot, hot_inline
from blkmq.native.memory import address_of, clear_bytes
from blkmq.transport.nbd.command import CommandRecord, command_at
from blkmq.transport.nbd.connection import connection_at
from blkmq.transport.nbd.export import ExportRecord, export_at
from blkmq.transport.nbd.port import PortRecord

ZEROES_BYTES = 1 << 20  #: of one write of zeroes, where the disk has no better way


@hot
def describe(command: CommandRecord, export: ExportRecord) -> None:
    """Fills in what the command's requests have in common."""
    kind = command.kind
    is_fua = command.flags & NBD_CMD_FLAG_FUA != 0 and export.has_cache != 0
    if kind == NBD_CMD_READ:
        command.op = REQ_OP_READ
        command.piece_bytes = export.transfer_limit
    elif kind == NBD_CMD_WRITE:
        command.op = REQ_OP_WRITE
        command.piece_bytes = export.transfer_limit
        if is_fua and export.has_fua != 0:
            command.request_flags = REQ_FUA
        elif is_fua:
            command.flushes = 1
    elif kind == NBD_CMD_TRIM:
        command.op = REQ_OP_DISCARD
        command.piece_bytes = export.discard_limit
        command.flushes = 1 if is_fua else 0
    elif kind == NBD_CMD_WRITE_ZEROES:
        command.flushes = 1 if is_fua else 0
        if export.zeroes_limit != 0:
            command.op = REQ_OP_WRITE_ZEROES
            command.piece_bytes = export.zeroes_limit
            if command.flags & NBD_CMD_FLAG_NO_HOLE != 0:
                command.request_flags = REQ_NOUNMAP
        else:
            command.op = REQ_OP_WRITE
            command.piece_bytes = min(export.transfer_limit, max(ZEROES_BYTES, export.block_mask + 1))


@hot_inline
def cut(request: RequestRecord, data: int, nr_bytes: int) -> None:
    """Data in pieces of a page."""
    done = 0
    count = 0
    while done < nr_bytes:
        piece = segment_at(request.segments, count)
        piece.address = data + done
        piece.nr_bytes = min(nr_bytes - done, PAGE_SIZE)
        done += PAGE_SIZE
        count += 1
    request.nr_segments = count


@hot
def cut_zeroes(request: RequestRecord, page: int, nr_bytes: int) -> None:
    """The same page again and again; cleared, as a driver may have scribbled on it."""
    clear_bytes(page, PAGE_SIZE)
    cut(request, page, nr_bytes)
    for i in range(request.nr_segments):
        segment_at(request.segments, i).address = page


@hot_inline
def has_tag(port: PortRecord, queue: HwQueueRecord) -> bool:
    """Whether a request may be issued now."""
    return queue.nr_free > 0 and atomic_load(port, "frozen") == 0


@hot
def issue(port: PortRecord, tag_set: TagSetRecord, queue: HwQueueRecord, command: CommandRecord) -> None:
    """Gives dispatch what it has tags for; the rest waits."""
    export = export_at(connection_at(command.connection, 0).export, 0)
    address = address_of(command, "next")
    while command.issued_bytes < command.portion_bytes and has_tag(port, queue):
        index = get_tag(tag_set, queue)
        request = request_at(tag_set.requests, index)
        at = command.issued_bytes
        nr_bytes = min(command.portion_bytes - at, command.piece_bytes)
        request.op = command.op
        request.flags = command.request_flags
        request.sector = (command.offset + command.done_bytes + at) >> SECTOR_SHIFT
        request.nr_bytes = nr_bytes
        request.disk = export.disk
        request.cookie = address
        if command.data != 0:
            cut(request, command.data + at, nr_bytes)
        elif command.op == REQ_OP_WRITE:
            cut_zeroes(request, port.zeroes, nr_bytes)
        append(tag_set, queue, index)
        command.issued_bytes = at + nr_bytes
        command.nr_pieces = command.nr_pieces + 1
    if command.issued_bytes < command.portion_bytes:
        wait_for_tags(port, command)


@hot
def issue_flush(port: PortRecord, tag_set: TagSetRecord, queue: HwQueueRecord, command: CommandRecord) -> None:
    """Gives dispatch a flush, alone or after the command's data."""
    if not has_tag(port, queue):
        wait_for_tags(port, command)
        return
    export = export_at(connection_at(command.connection, 0).export, 0)
    index = get_tag(tag_set, queue)
    request = request_at(tag_set.requests, index)
    request.op = REQ_OP_FLUSH
    request.flags = 0
    request.sector = 0
    request.nr_bytes = 0
    request.disk = export.disk
    request.cookie = address_of(command, "next")
    append(tag_set, queue, index)
    command.nr_pieces = command.nr_pieces + 1


@hot
def wait_for_tags(port: PortRecord, command: CommandRecord) -> None:
    """Puts a command at the end of the list of those that wait."""
    address = address_of(command, "next")
    command.is_waiting = 1
    command.next = 0
    if port.waiting_head == 0:
        port.waiting_head = address
    else:
        command_at(port.waiting_tail, 0).next = address
    port.waiting_tail = address
