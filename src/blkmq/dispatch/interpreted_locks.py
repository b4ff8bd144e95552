# SPDX-License-Identifier: MIT
"""The locks of the interpreted target: what compiled drivers are refused for, or stopped at, is an error here.

A thread's locks are kept on a list, so that what a callback still holds when it is over is given back.
"""

from __future__ import annotations

import threading

from blkmq.dispatch.call import NR_HELD_MAX
from blkmq.dispatch.interpreted_nouns import frame
from blkmq.mq.errors import LockError, SleepError
from blkmq.mq.lock import Lock
from blkmq.mq.mutex import Mutex
from blkmq.mq.spin_lock import SpinLock


class Held(threading.local):
    """The locks that this thread's callback holds, the last one taken last."""

    def __init__(self) -> None:
        self.locks: list[Lock] = []


held = Held()


def release_all() -> None:
    """Gives back what a callback left locked."""
    while held.locks:
        held.locks[-1].__exit__()


class InterpretedLock(Lock):
    """A lock that looks at the others that its callback holds."""

    def __init__(self, orders: set[tuple[int, int]]) -> None:
        super().__init__()
        self.orders = orders  #: by identity, the pairs that callbacks of this driver have taken one in the other

    def __enter__(self) -> None:
        locks = held.locks
        if self.sleeps and (not frame.call.may_sleep or not all(lock.sleeps for lock in locks)):
            raise SleepError("a Mutex sleeps: not here, and not under a SpinLock")
        if self in locks or len(locks) == NR_HELD_MAX:
            raise LockError(f"this callback holds {len(locks)} locks" + (", and this one" if self in locks else ""))
        for other in locks:
            # First this order, then the look at the other one: of two threads at once one sees it.
            self.orders.add((id(other), id(self)))
            if (id(self), id(other)) in self.orders:
                raise LockError("these two locks are taken in the other order elsewhere: that can become a deadlock")
        self._lock.acquire()
        locks.append(self)

    def __exit__(self, *_: object) -> None:
        held.locks.remove(self)
        self._lock.release()


class InterpretedSpinLock(InterpretedLock, SpinLock):
    """A lock whose holder may not sleep."""


class InterpretedMutex(InterpretedLock, Mutex):
    """A lock whose holder may sleep."""

    sleeps = True


MAKERS = {"SpinLock": InterpretedSpinLock, "Mutex": InterpretedMutex}
