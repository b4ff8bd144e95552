# SPDX-License-Identifier: MIT
"""Ends the system call in which a thread of this process waits, in a process that has lent a signal for it.

A device's own process does so.  In somebody else's program no handler is set: there, what waits does so briefly.
"""

from __future__ import annotations

import signal
import threading

SIGNAL = signal.SIGURG  # ignored by default, so that a stray one does no harm

_lent: list[bool] = []


def lend_signal() -> None:
    """From here on :func:`interrupt` works.  The main thread only."""
    signal.signal(SIGNAL, lambda *_: None)  # Python's handlers do not restart the call
    _lent.append(True)


def can_interrupt() -> bool:
    """Whether this process has lent its signal."""
    return bool(_lent)


def interrupt(thread: threading.Thread) -> None:
    """Ends the call in which a running thread waits, with EINTR.  One that is about to begin is missed."""
    if _lent and thread.ident is not None and thread.is_alive():
        signal.pthread_kill(thread.ident, SIGNAL)
