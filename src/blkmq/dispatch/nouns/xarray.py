# SPDX-License-Identifier: MIT
"""The verbs of ``XArray``: a radix tree of nodes with 64 slots; word 0 of a node is its shift.

Writers take the array's lock; readers need none, since a node is complete before it is linked and lives as long
as its array.
"""

from __future__ import annotations

from blkmq.dispatch.call import Call, fail
from blkmq.dispatch.nouns.records import XArrayRecord
from blkmq.mq.errno import Errno
from blkmq.mq.errors import Fault
from blkmq.native.atomic import atomic_cas, atomic_load, atomic_store, atomic_xchg, pause
from blkmq.native.hot import hot, hot_apart
from blkmq.native.memory import Word, address_of, alloc_zeroed, free_memory, word_at

FAULT_INDEX, FAULT_VALUE = int(Fault.INDEX), int(Fault.VALUE)
NODE_SHIFT = 6
NODE_SLOTS = 1 << NODE_SHIFT
NODE_BYTES = (1 + NODE_SLOTS) * 8
VALUE_END = 1 << 62
HEIGHT_MAX = 11  #: levels that 63 bits need
ENOMEM = int(Errno.ENOMEM)


@hot
def slot_of(node: int, index: int) -> Word:
    return word_at(node, 1 + ((index >> word_at(node, 0).value) & (NODE_SLOTS - 1)))


@hot
def covers(node: int, index: int) -> bool:
    """Whether the tree below ``node`` reaches up to ``index``."""
    shift = word_at(node, 0).value + NODE_SHIFT
    return shift >= 63 or (index >> shift) == 0


@hot
def leaf_address(array: XArrayRecord, index: int) -> int:
    """Address of an index's slot; 0 if it is not there."""
    node = atomic_load(array, "root")
    if node == 0 or not covers(node, index):
        return 0
    while word_at(node, 0).value > 0:
        node = atomic_load(slot_of(node, index), "value")
        if node == 0:
            return 0
    return address_of(slot_of(node, index), "value")


@hot_apart
def xarray_load(call: Call, array: XArrayRecord, index: int) -> int:
    if index < 0:
        return fail(call, FAULT_INDEX, index)
    slot = leaf_address(array, index)
    return 0 if slot == 0 else atomic_load(word_at(slot, 0), "value")


@hot_apart
def xarray_erase(call: Call, array: XArrayRecord, index: int) -> int:
    if index < 0:
        return fail(call, FAULT_INDEX, index)
    lock_array(array)
    slot = leaf_address(array, index)
    value = 0 if slot == 0 else atomic_xchg(word_at(slot, 0), "value", 0)
    atomic_store(array, "lock", 0)
    return value


@hot
def lock_array(array: XArrayRecord) -> None:
    while not atomic_cas(array, "lock", 0, 1):
        pause()


@hot
def new_node(shift: int) -> int:
    node = alloc_zeroed(NODE_BYTES)
    if node != 0:
        word_at(node, 0).value = shift
    return node


@hot
def grow(array: XArrayRecord, index: int) -> bool:
    """Puts nodes above the root until it covers ``index``."""
    if array.root == 0:
        atomic_store(array, "root", new_node(0))
    while array.root != 0 and not covers(array.root, index):
        node = new_node(word_at(array.root, 0).value + NODE_SHIFT)
        if node == 0:
            return False
        word_at(node, 1).value = array.root
        atomic_store(array, "root", node)
    return array.root != 0


@hot_apart
def xarray_store(call: Call, array: XArrayRecord, index: int, value: int) -> int:
    if index < 0:
        return fail(call, FAULT_INDEX, index)
    if value < 1 or value >= VALUE_END:
        return fail(call, FAULT_VALUE, value)
    lock_array(array)
    done = grow(array, index)
    node = array.root + 0
    while done and word_at(node, 0).value > 0:
        slot = slot_of(node, index)
        if slot.value == 0:
            atomic_store(slot, "value", new_node(word_at(node, 0).value - NODE_SHIFT))
        node = slot.value + 0
        done = node != 0
    if done:
        atomic_store(slot_of(node, index), "value", value)
    atomic_store(array, "lock", 0)
    return 0 if done else ENOMEM


@hot
def xarray_destroy(array: XArrayRecord) -> None:
    """Frees all nodes, depth first, by emptying the slots on the way."""
    while array.root != 0:
        parent = 0
        place = 0
        node = array.root + 0
        while True:
            child = 0
            if word_at(node, 0).value > 0:
                for i in range(1, NODE_SLOTS + 1):
                    if word_at(node, i).value != 0:
                        child = word_at(node, i).value + 0
                        parent = node
                        place = i
                        break
            if child == 0:
                break
            node = child
        if parent == 0:
            array.root = 0
        else:
            word_at(parent, place).value = 0
        free_memory(node)
