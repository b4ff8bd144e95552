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


class LockOrders:
    """Which locks a driver takes while it holds which others. C twin: lockdep."""

    def __init__(self) -> None:
        self._inner: dict[int, set[int]] = {}  #: by identity of the outer lock
        self._guard = threading.Lock()

    def allow(self, outer: Lock, inner: Lock) -> bool:
        """Whether this order is the only one so far; it is kept then."""
        with self._guard:
            known = self._inner.setdefault(id(outer), set())
            if id(inner) not in known and not self._leads(id(inner), id(outer)):
                known.add(id(inner))
            return id(inner) in known

    def _leads(self, first: int, last: int) -> bool:
        """Whether ``last`` is taken within ``first``, directly or by way of other locks."""
        waiting, done = [first], set[int]()
        while waiting:
            lock = waiting.pop()
            done.add(lock)
            waiting += self._inner.get(lock, set()) - done
        return last in done


class InterpretedLock(Lock):
    """A lock that looks at the others that its callback holds."""

    def __init__(self, orders: LockOrders) -> None:
        super().__init__()
        self.orders = orders

    def __enter__(self) -> None:
        locks = held.locks
        may_sleep = frame.home is None or frame.call.may_sleep
        if self.sleeps and (not may_sleep or not all(lock.sleeps for lock in locks)):
            raise SleepError("a Mutex sleeps: not here, and not under a SpinLock")
        if self in locks or len(locks) == NR_HELD_MAX:
            many = f"this callback holds {len(locks)} locks"
            raise LockError("this callback holds this lock already" if self in locks else many)
        if not all(self.orders.allow(other, self) for other in locks):
            raise LockError("these locks are taken in another order elsewhere: that can become a deadlock")
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


LOCKS = {"SpinLock": InterpretedSpinLock, "Mutex": InterpretedMutex}
