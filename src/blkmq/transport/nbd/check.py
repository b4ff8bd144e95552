# SPDX-License-Identifier: MIT
"""What is wrong with a request: the protocol's rules and the export's limits; and block statuses as NBD errors."""

from __future__ import annotations

from blkmq.abi.blk_types import SECTOR_SHIFT
from blkmq.abi.nbd import (
    NBD_CMD_BLOCK_STATUS,
    NBD_CMD_CACHE,
    NBD_CMD_DISC,
    NBD_CMD_FLAG_DF,
    NBD_CMD_FLAG_FAST_ZERO,
    NBD_CMD_FLAG_FUA,
    NBD_CMD_FLAG_NO_HOLE,
    NBD_CMD_FLAG_REQ_ONE,
    NBD_CMD_FLUSH,
    NBD_CMD_READ,
    NBD_CMD_TRIM,
    NBD_CMD_WRITE,
    NBD_CMD_WRITE_ZEROES,
    NBD_EINVAL,
    NBD_EIO,
    NBD_ENOMEM,
    NBD_ENOSPC,
    NBD_ENOTSUP,
    NBD_EOVERFLOW,
    NBD_EPERM,
    NBD_ESHUTDOWN,
)
from blkmq.dispatch.tag_set import disk_at
from blkmq.mq.blk_status import BlkStatus
from blkmq.native.hot import hot, hot_inline
from blkmq.transport.nbd.buffer import BIG_BYTES
from blkmq.transport.nbd.command import PAYLOAD_BYTES_MAX
from blkmq.transport.nbd.connection import ConnectionRecord
from blkmq.transport.nbd.export import ExportRecord

OK, NOTSUPP, NOSPC, INVAL = int(BlkStatus.OK), int(BlkStatus.NOTSUPP), int(BlkStatus.NOSPC), int(BlkStatus.INVAL)
RESOURCE, OFFLINE = int(BlkStatus.RESOURCE), int(BlkStatus.OFFLINE)


@hot_inline
def is_writing(kind: int) -> bool:
    """Whether a command changes the disk."""
    return kind == NBD_CMD_WRITE or kind == NBD_CMD_TRIM or kind == NBD_CMD_WRITE_ZEROES


@hot
def flags_for(connection: ConnectionRecord, kind: int) -> int:
    """The flags that a command may carry."""
    flags = NBD_CMD_FLAG_FUA  # with any command, if only to be ignored
    if kind == NBD_CMD_READ and connection.structured != 0:
        flags |= NBD_CMD_FLAG_DF
    if kind == NBD_CMD_WRITE_ZEROES:
        flags |= NBD_CMD_FLAG_NO_HOLE | NBD_CMD_FLAG_FAST_ZERO
    if kind == NBD_CMD_BLOCK_STATUS:
        flags |= NBD_CMD_FLAG_REQ_ONE
    return flags


@hot
def error_of_request(
    connection: ConnectionRecord, export: ExportRecord, kind: int, flags: int, offset: int, nr_bytes: int
) -> int:
    """0, or the NBD error that answers the request."""
    if kind < 0 or kind > NBD_CMD_BLOCK_STATUS or kind == NBD_CMD_DISC or flags & ~flags_for(connection, kind) != 0:
        return NBD_EINVAL
    if kind == NBD_CMD_FLUSH:
        return NBD_EINVAL if offset != 0 or nr_bytes != 0 else 0
    disk = disk_at(export.disk_record, 0)
    if is_writing(kind) and disk.read_only != 0:
        return NBD_EPERM
    size = disk.capacity_sectors << SECTOR_SHIFT
    if offset < 0 or offset > size or nr_bytes > size - offset:
        return NBD_ENOSPC if kind == NBD_CMD_WRITE or kind == NBD_CMD_WRITE_ZEROES else NBD_EINVAL
    if (kind == NBD_CMD_READ or kind == NBD_CMD_WRITE) and nr_bytes > PAYLOAD_BYTES_MAX:
        return NBD_EINVAL
    if (offset | nr_bytes) & export.block_mask != 0 and kind != NBD_CMD_CACHE:
        return NBD_EINVAL
    if kind == NBD_CMD_READ and flags & NBD_CMD_FLAG_DF != 0 and nr_bytes > BIG_BYTES:
        return NBD_EOVERFLOW
    if kind == NBD_CMD_TRIM and export.discard_limit == 0:
        return NBD_EINVAL
    if kind == NBD_CMD_WRITE_ZEROES and flags & NBD_CMD_FLAG_FAST_ZERO != 0 and export.zeroes_limit == 0:
        return NBD_ENOTSUP
    if kind == NBD_CMD_BLOCK_STATUS and (connection.base_allocation == 0 or nr_bytes == 0):
        return NBD_EINVAL
    return 0


@hot
def error_of_status(status: int, flags: int) -> int:
    """A block status as an NBD error; ENOTSUP is for fast zeroes alone."""
    if status == OK:
        return 0
    if status == NOTSUPP:
        return NBD_ENOTSUP if flags & NBD_CMD_FLAG_FAST_ZERO != 0 else NBD_EINVAL
    if status == INVAL:
        return NBD_EINVAL
    if status == NOSPC:
        return NBD_ENOSPC
    if status == RESOURCE:
        return NBD_ENOMEM
    if status == OFFLINE:
        return NBD_ESHUTDOWN
    return NBD_EIO
