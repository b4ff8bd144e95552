# SPDX-License-Identifier: MIT
"""A list of requests. C twin: ``struct rq_list``."""

from __future__ import annotations

from collections import deque

from blkmq.mq.errors import AbsentError
from blkmq.mq.request import Request
from blkmq.mq.verb import verb


class RequestList:
    """Requests in order: what ``queue_rqs`` gets, or a field of ``Hw`` that ``poll`` empties.

    As a field it needs the lock of the noun it lies in.  It holds handles: a request that ended while on a
    list comes off it stale.  Holds as many as the tag set has tags; more is an index error.
    """

    def __init__(self) -> None:
        self._requests: deque[Request] = deque()

    @verb()
    def add_tail(self, rq: Request) -> None:
        """C: ``rq_list_add_tail``."""
        if rq is None:
            raise AbsentError("add_tail(None)")
        self._requests.append(rq)

    @verb(fallible=False)
    def pop(self) -> Request | None:
        """The first one, or None. C: ``rq_list_pop``."""
        return self._requests.popleft() if self._requests else None

    @verb(fallible=False)
    def empty(self) -> bool:
        """C: ``rq_list_empty``."""
        return not self._requests
