# SPDX-License-Identifier: MIT
"""What both locks share: taken only by ``with``, once a callback, released whatever happens."""

from __future__ import annotations

import threading

from blkmq.mq.errors import LockError


class Lock:
    """A lock that a driver's field holds; the noun that it is says whether a holder may sleep."""

    sleeps = False

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._owner = 0

    def __enter__(self) -> None:
        me = threading.get_ident()
        if self._owner == me:
            raise LockError(f"this callback already holds the {type(self).__name__}")
        self._lock.acquire()
        self._owner = me

    def __exit__(self, *_: object) -> None:
        self._owner = 0
        self._lock.release()
