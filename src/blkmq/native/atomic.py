# SPDX-License-Identifier: MIT
"""Atomic operations on a record's s64 field, named by a string constant; and on 32 bits that the kernel shares.

Compiled code uses the CPU's; interpreted Python a lock.  All are fully ordered.  C twin: ``atomic64_t``.
"""

from __future__ import annotations

import ctypes
import threading
import time
from typing import Any

_guard = threading.Lock()


def atomic_load(record: Any, field: str) -> int:
    """Acquire load."""
    value: int = getattr(record, field)
    return value


def atomic_store(record: Any, field: str, value: int) -> None:
    """Release store."""
    with _guard:
        setattr(record, field, value)


def atomic_add(record: Any, field: str, value: int) -> int:
    """Adds; returns the value before."""
    with _guard:
        before: int = getattr(record, field)
        setattr(record, field, before + value)
    return before


def atomic_xchg(record: Any, field: str, value: int) -> int:
    """Stores; returns the value before."""
    with _guard:
        before: int = getattr(record, field)
        setattr(record, field, value)
    return before


def atomic_cas(record: Any, field: str, old: int, new: int) -> bool:
    """Stores ``new`` if the value is ``old``; whether it was."""
    with _guard:
        if getattr(record, field) != old:
            return False
        setattr(record, field, new)
    return True


def atomic_load_u32(address: int) -> int:
    """Acquire load. C twin: ``smp_load_acquire`` of a u32."""
    with _guard:
        return ctypes.c_uint32.from_address(address).value


def atomic_store_u32(address: int, value: int) -> None:
    """Release store of the value's low 32 bits. C twin: ``smp_store_release`` of a u32."""
    with _guard:
        ctypes.c_uint32.from_address(address).value = value


def pause() -> None:
    """What a spinning loop does in between. C twin: ``cpu_relax()``."""
    time.sleep(0)


def yield_cpu() -> None:
    """Lets another thread run. C twin: ``cond_resched()``."""
    time.sleep(0)
