# SPDX-License-Identifier: MIT
"""The verbs of ``Page``: a handle is its address, 0 for None.

A page's address space stays mapped while its store lives, whoever erases it: no access can fault.
"""

from __future__ import annotations

from blkmq.abi.page import PAGE_SIZE
from blkmq.dispatch.call import Call, burn, fail
from blkmq.dispatch.nouns.segment import BYTES_PER_FUEL
from blkmq.mq.errors import Fault
from blkmq.native.hot import hot
from blkmq.native.memory import byte_at, clear_bytes

FAULT_INDEX, FAULT_VALUE, FAULT_ABSENT = int(Fault.INDEX), int(Fault.VALUE), int(Fault.ABSENT)


@hot
def page_len(call: Call, page: int) -> int:
    return PAGE_SIZE


@hot
def page_getitem(call: Call, page: int, index: int) -> int:
    if page == 0:
        return fail(call, FAULT_ABSENT, 0)
    if index < 0 or index >= PAGE_SIZE:
        return fail(call, FAULT_INDEX, index)
    return byte_at(page, index).value + 0


@hot
def page_setitem(call: Call, page: int, index: int, value: int) -> None:
    if page == 0:
        fail(call, FAULT_ABSENT, 0)
    elif index < 0 or index >= PAGE_SIZE:
        fail(call, FAULT_INDEX, index)
    elif value < 0 or value > 255:
        fail(call, FAULT_VALUE, value)
    else:
        byte_at(page, index).value = value


@hot
def page_zero(call: Call, page: int, offset: int, nr_bytes: int) -> None:
    if page == 0:
        fail(call, FAULT_ABSENT, 0)
    elif offset < 0 or nr_bytes < 0 or nr_bytes > PAGE_SIZE or offset > PAGE_SIZE - nr_bytes:
        fail(call, FAULT_INDEX, offset)
    elif not burn(call, nr_bytes // BYTES_PER_FUEL):
        clear_bytes(page + offset, nr_bytes)
