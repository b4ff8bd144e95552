# SPDX-License-Identifier: MIT
"""The verbs of ``Atomic``."""

from __future__ import annotations

from blkmq.dispatch.call import Call
from blkmq.dispatch.nouns.records import AtomicRecord
from blkmq.native.atomic import atomic_add, atomic_cas, atomic_load, atomic_store, atomic_xchg
from blkmq.native.hot import hot


@hot
def atomic64_load(call: Call, noun: AtomicRecord) -> int:
    return atomic_load(noun, "value")


@hot
def atomic64_store(call: Call, noun: AtomicRecord, value: int) -> None:
    atomic_store(noun, "value", value)


@hot
def atomic64_fetch_add(call: Call, noun: AtomicRecord, value: int) -> int:
    return atomic_add(noun, "value", value)


@hot
def atomic64_xchg(call: Call, noun: AtomicRecord, value: int) -> int:
    return atomic_xchg(noun, "value", value)


@hot
def atomic64_cmpxchg(call: Call, noun: AtomicRecord, old: int, new: int) -> int:
    while True:
        before = atomic_load(noun, "value")
        if before != old or atomic_cas(noun, "value", old, new):
            return before
