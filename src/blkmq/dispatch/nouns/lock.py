# SPDX-License-Identifier: MIT
"""The verbs of ``SpinLock`` and ``Mutex``: owned by a call, and released by its caller if an error breaks it off."""

from __future__ import annotations

from blkmq.dispatch.call import NR_HELD_MAX, Call, fail
from blkmq.dispatch.nouns.records import SpinLockRecord
from blkmq.mq.errors import Fault
from blkmq.native.atomic import atomic_cas, atomic_store, pause, yield_cpu
from blkmq.native.hot import hot
from blkmq.native.memory import address_of, word_at

FAULT_LOCK, FAULT_SLEEP = int(Fault.LOCK), int(Fault.SLEEP)


@hot
def may_take(call: Call, lock: SpinLockRecord) -> bool:
    """Whether this call may wait for the lock: not if it has it already."""
    if lock.owner == call.id or call.nr_held == NR_HELD_MAX:
        fail(call, FAULT_LOCK, call.nr_held)
        return False
    return True


@hot
def note_held(call: Call, lock: SpinLockRecord) -> None:
    call.held[call.nr_held] = address_of(lock, "owner")
    call.nr_held = call.nr_held + 1


@hot
def spin_lock_enter(call: Call, lock: SpinLockRecord) -> None:
    if may_take(call, lock):
        while not atomic_cas(lock, "owner", 0, call.id):
            pause()
        note_held(call, lock)
        call.nr_spinning = call.nr_spinning + 1


@hot
def spin_lock_exit(call: Call, lock: SpinLockRecord) -> None:
    call.nr_spinning = call.nr_spinning - 1
    mutex_exit(call, lock)


@hot
def mutex_enter(call: Call, lock: SpinLockRecord) -> None:
    if call.may_sleep == 0 or call.nr_spinning > 0:
        fail(call, FAULT_SLEEP, 0)
    elif may_take(call, lock):
        while not atomic_cas(lock, "owner", 0, call.id):
            yield_cpu()
        note_held(call, lock)


@hot
def mutex_exit(call: Call, lock: SpinLockRecord) -> None:
    call.nr_held = call.nr_held - 1  # locks nest: the last one taken is the first one given back
    atomic_store(lock, "owner", 0)


@hot
def release_held(call: Call) -> None:
    """Gives back what a callback that broke off still holds."""
    while call.nr_held > 0:
        call.nr_held = call.nr_held - 1
        atomic_store(word_at(call.held[call.nr_held], 0), "value", 0)
    call.nr_spinning = 0
