# SPDX-License-Identifier: MIT
"""Buffers of a port: a small one for many requests or replies, a big one for the data of a large request.

A buffer has a page for its own record and for a reply's head, right before its data.  Whoever uses a part of it
holds a reference.  A connection's share of memory is bounded by :func:`may_take`.
"""

from __future__ import annotations

from blkmq.abi.page import PAGE_SIZE
from blkmq.mq.integer import s64
from blkmq.native.hot import hot, hot_inline
from blkmq.native.memory import address_of, clear_bytes, reserve_pages, unreserve_pages
from blkmq.native.record import Record, accessor
from blkmq.transport.nbd.connection import NOWHERE, OPEN, ConnectionRecord, connection_at
from blkmq.transport.nbd.port import PortRecord

SMALL_BYTES = 256 << 10
BIG_BYTES = 4 << 20
NR_SMALL_KEPT, NR_BIG_KEPT = 64, 16  #: free ones that a port keeps

SHARE_BYTES = 256 << 20  #: what the connections of a port share
SHARE_MIN_BYTES = 5 << 20  #: what each may have in any case


class BufferRecord(Record):
    """A buffer's head. Owner: its port's thread."""

    next: s64
    connection: s64  #: which is charged for it
    charge: s64  #: bytes
    used: s64  #: bytes laid out so far
    nr_users: s64
    is_big: s64
    dirty_bytes: s64  #: of a big one: behind them is nothing but zeroes


buffer_at = accessor(BufferRecord)


@hot_inline
def data_of(buffer: int) -> int:
    """Address of a buffer's data, page-aligned."""
    return buffer + PAGE_SIZE


@hot
def may_take(port: PortRecord, connection: ConnectionRecord, nr_bytes: int) -> bool:
    """Whether a connection may hold that much more: half of what the others leave, but always one of each kind."""
    free = SHARE_BYTES - port.held_bytes + connection.held_bytes
    return connection.held_bytes + nr_bytes <= max(free // 2, SHARE_MIN_BYTES)


@hot
def take_buffer(port: PortRecord, connection: ConnectionRecord, nr_bytes: int) -> int:
    """A buffer with room for ``nr_bytes`` (SMALL_BYTES, or up to BIG_BYTES), with one user; 0: no address space."""
    is_big = 1 if nr_bytes > SMALL_BYTES else 0
    address = port.big_free if is_big == 1 else port.small_free
    if address != 0:
        if is_big == 1:
            port.big_free = buffer_at(address, 0).next
            port.nr_big_free = port.nr_big_free - 1
        else:
            port.small_free = buffer_at(address, 0).next
            port.nr_small_free = port.nr_small_free - 1
    else:
        address = reserve_pages(PAGE_SIZE + (BIG_BYTES if is_big == 1 else SMALL_BYTES))
        if address == 0:
            return 0
        buffer_at(address, 0).dirty_bytes = 0
    buffer = buffer_at(address, 0)
    buffer.is_big = is_big
    buffer.connection = address_of(connection, "fd")
    buffer.charge = nr_bytes if is_big == 1 else SMALL_BYTES
    buffer.used = 0
    buffer.nr_users = 1
    connection.held_bytes = connection.held_bytes + buffer.charge
    port.held_bytes = port.held_bytes + buffer.charge
    return address


@hot
def clear_data(address: int, nr_bytes: int) -> None:
    """Makes the first bytes of a big buffer zeroes; those that are already stay untouched, and cost nothing to send."""
    buffer = buffer_at(address, 0)
    clear_bytes(data_of(address), min(nr_bytes, buffer.dirty_bytes))
    if nr_bytes >= buffer.dirty_bytes:
        buffer.dirty_bytes = 0


@hot
def make_dirty(address: int, nr_bytes: int) -> None:
    """The first bytes of a big buffer may be anything."""
    buffer = buffer_at(address, 0)
    buffer.dirty_bytes = max(buffer.dirty_bytes, nr_bytes)


@hot_inline
def use_buffer(address: int) -> None:
    """One more user."""
    buffer = buffer_at(address, 0)
    buffer.nr_users = buffer.nr_users + 1


@hot_inline
def leave_buffer(port: PortRecord, address: int) -> None:
    """One user less; the last one frees it."""
    buffer = buffer_at(address, 0)
    buffer.nr_users = buffer.nr_users - 1
    if buffer.nr_users == 0:
        free_buffer(port, address)


@hot
def free_buffer(port: PortRecord, address: int) -> None:
    """Keeps a buffer for the next who needs one, or gives it back to the system."""
    buffer = buffer_at(address, 0)
    connection = connection_at(buffer.connection, 0)
    connection.held_bytes = connection.held_bytes - buffer.charge
    port.held_bytes = port.held_bytes - buffer.charge
    port.has_freed = 1
    if buffer.is_big == 1 and port.nr_big_free < NR_BIG_KEPT:
        buffer.next = port.big_free
        port.big_free = address
        port.nr_big_free = port.nr_big_free + 1
    elif buffer.is_big == 0 and port.nr_small_free < NR_SMALL_KEPT:
        buffer.next = port.small_free
        port.small_free = address
        port.nr_small_free = port.nr_small_free + 1
    else:
        unreserve_pages(address, PAGE_SIZE + (BIG_BYTES if buffer.is_big == 1 else SMALL_BYTES))


@hot
def free_all_buffers(port: PortRecord) -> None:
    """Gives the kept ones back: the port ends."""
    while port.small_free != 0:
        address = port.small_free
        port.small_free = buffer_at(address, 0).next
        unreserve_pages(address, PAGE_SIZE + SMALL_BYTES)
    while port.big_free != 0:
        address = port.big_free
        port.big_free = buffer_at(address, 0).next
        unreserve_pages(address, PAGE_SIZE + BIG_BYTES)
    port.nr_small_free = 0
    port.nr_big_free = 0


@hot
def give_back(port: PortRecord, connection: ConnectionRecord) -> None:
    """An idle connection needs no memory."""
    if connection.nr_commands > 0 or connection.state != OPEN or connection.place != NOWHERE:
        return
    if connection.rx_begin != connection.rx_end:
        return
    if connection.rx != 0:
        leave_buffer(port, connection.rx)
        connection.rx = 0
        connection.rx_begin = 0
        connection.rx_end = 0
    if connection.tx != 0:
        leave_buffer(port, connection.tx)
        connection.tx = 0
