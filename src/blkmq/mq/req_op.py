# SPDX-License-Identifier: MIT
"""What a request asks for. C: ``enum req_op``, ``enum req_flag_bits`` (``include/linux/blk_types.h``)."""

from __future__ import annotations

from enum import IntEnum, IntFlag

from blkmq.abi import blk_types as abi


class ReqOp(IntEnum):
    """The operation of a request; odd operations move data, if any, from memory to the device."""

    READ = abi.REQ_OP_READ
    WRITE = abi.REQ_OP_WRITE
    FLUSH = abi.REQ_OP_FLUSH  #: make durable what the volatile write cache holds; no data, no sector
    DISCARD = abi.REQ_OP_DISCARD  #: the range's content is not needed any more; no data
    SECURE_ERASE = abi.REQ_OP_SECURE_ERASE  #: make the range's content unreadable for ever; no data
    ZONE_APPEND = abi.REQ_OP_ZONE_APPEND  #: write at the zone's write pointer; answers where
    WRITE_ZEROES = abi.REQ_OP_WRITE_ZEROES  #: fill the range with zeroes; no data
    ZONE_OPEN = abi.REQ_OP_ZONE_OPEN  #: open a zone explicitly
    ZONE_CLOSE = abi.REQ_OP_ZONE_CLOSE  #: close an open zone
    ZONE_FINISH = abi.REQ_OP_ZONE_FINISH  #: move the write pointer to the end: the zone is full
    ZONE_RESET = abi.REQ_OP_ZONE_RESET  #: move the write pointer to the start: the zone is empty
    ZONE_RESET_ALL = abi.REQ_OP_ZONE_RESET_ALL  #: reset every zone of the device
    DRV_IN = abi.REQ_OP_DRV_IN  #: the driver's own command, data from the device
    DRV_OUT = abi.REQ_OP_DRV_OUT  #: the driver's own command, data to the device


class ReqFlag(IntFlag):
    """How an operation is to be done: the bits above ``REQ_OP_MASK`` of ``rq->cmd_flags``."""

    FAILFAST_DEV = abi.REQ_FAILFAST_DEV  #: don't retry device errors
    FAILFAST_TRANSPORT = abi.REQ_FAILFAST_TRANSPORT  #: don't retry transport errors
    FAILFAST_DRIVER = abi.REQ_FAILFAST_DRIVER  #: don't retry driver errors
    SYNC = abi.REQ_SYNC  #: somebody waits for it
    META = abi.REQ_META  #: file system metadata
    PRIO = abi.REQ_PRIO  #: before others
    NOMERGE = abi.REQ_NOMERGE  #: leave it alone: no merging
    IDLE = abi.REQ_IDLE  #: more is to follow
    INTEGRITY = abi.REQ_INTEGRITY  #: carries protection information
    FUA = abi.REQ_FUA  #: durable before it ends, past the write cache
    PREFLUSH = abi.REQ_PREFLUSH  #: flush the write cache first
    RAHEAD = abi.REQ_RAHEAD  #: read ahead: may fail at will
    BACKGROUND = abi.REQ_BACKGROUND  #: after others
    NOWAIT = abi.REQ_NOWAIT  #: end with AGAIN rather than block
    POLLED = abi.REQ_POLLED  #: the submitter polls for the completion
    ALLOC_CACHE = abi.REQ_ALLOC_CACHE  #: from the per-CPU bio cache
    SWAP = abi.REQ_SWAP  #: swap traffic
    DRV = abi.REQ_DRV  #: for the driver to use
    FS_PRIVATE = abi.REQ_FS_PRIVATE  #: for the file system to use
    ATOMIC = abi.REQ_ATOMIC  #: all or nothing, also when power fails
    NOUNMAP = abi.REQ_NOUNMAP  #: WRITE_ZEROES: keep the space allocated

    FAILFAST_MASK = abi.REQ_FAILFAST_MASK
    NOMERGE_FLAGS = abi.REQ_NOMERGE_FLAGS
