# SPDX-License-Identifier: MIT
"""What can go wrong, by whose fault it is.

Control path: an exception reaches the user with place, value and next step.  Data path: the
request ends with a block status, and one of the :class:`DriverError` kinds is counted and shown
with the driver's file and line.
"""

from __future__ import annotations

import errno as errnos
from enum import IntEnum


class BlkmqError(Exception):
    """A mistake that a user can mend: says where, which value, and what to do next."""

    def __init__(self, text: str, *, hint: str = "") -> None:
        super().__init__(text)
        self.text = text
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.text}\nhint: {self.hint}" if self.hint else self.text


class ConfigError(BlkmqError):
    """An attribute, limit or tag-set value that the kernel's rules refuse, with the errno that it would give."""

    def __init__(self, field: str, value: object, rule: str, *, hint: str = "", errno: int = errnos.EINVAL) -> None:
        super().__init__(f"{field} = {value!r}: {rule}", hint=hint)
        self.errno = errno
        self.field = field
        self.value = value
        self.rule = rule


class Fault(IntEnum):
    """The kinds of error that end one request, the same numbers on every target."""

    NONE = 0
    INDEX = 1  #: an index or range outside a segment, page, array or tag space
    VALUE = 2  #: a value outside its field, sized type or verb
    OVERFLOW = 3  #: 64-bit overflow: raised when interpreted, wraps when compiled
    ZERO_DIVISION = 4  #: division or modulo by zero
    DIVISION = 5  #: INT64_MIN // -1 (or % -1)
    SHIFT = 6  #: a shift count outside 0..63
    FUEL = 7  #: a callback that did not end
    STALE = 8  #: data of a request that has ended, or whose tag is another's now
    STATE = 9  #: a verb that the request's state does not allow (started twice, ended before start)
    LOCK = 10  #: a lock that this callback already holds
    STATUS = 11  #: a block status that is none
    ABSENT = 12  #: a page or request that is not there (None)
    ASSERT = 13  #: an assert of the driver's own
    PYTHON = 14  #: any other Python exception (interpreted target only)
    SLEEP = 15  #: a verb that sleeps, in atomic context
    TIMEOUT = 16  #: no error of a callback: a request that nobody ended in time


class DriverError(Exception):
    """An error in a driver's callback: ends the one request, never the disk."""

    fault = Fault.PYTHON


class DriverIndexError(DriverError):
    """An index or range outside what it indexes."""

    fault = Fault.INDEX


class DriverValueError(DriverError):
    """A value that its field, sized type or verb does not take."""

    fault = Fault.VALUE


class DriverOverflowError(DriverError):
    """An integer left 64 bits; compiled targets wrap here."""

    fault = Fault.OVERFLOW


class DriverZeroDivisionError(DriverError):
    """Division or modulo by zero."""

    fault = Fault.ZERO_DIVISION


class DriverDivisionError(DriverError):
    """INT64_MIN divided by -1 has no 64-bit result."""

    fault = Fault.DIVISION


class DriverShiftError(DriverError):
    """A shift count outside 0..63."""

    fault = Fault.SHIFT


class DriverFuelError(DriverError):
    """A callback used up its fuel: it loops without end or moves far more than its request."""

    fault = Fault.FUEL


class StaleRequestError(DriverError):
    """The request has ended, or its tag belongs to another request now."""

    fault = Fault.STALE


class RequestStateError(DriverError):
    """The request is not in the state that the verb needs."""

    fault = Fault.STATE


class LockError(DriverError):
    """The callback already holds this lock."""

    fault = Fault.LOCK


class StatusError(DriverError):
    """The value is no block status."""

    fault = Fault.STATUS


class AbsentError(DriverError):
    """The page or request is None."""

    fault = Fault.ABSENT


class DriverAssertionError(DriverError):
    """An assertion of the driver's own failed."""

    fault = Fault.ASSERT


class SleepError(DriverError):
    """A verb that sleeps was called in atomic context."""

    fault = Fault.SLEEP


ERROR_OF_FAULT: dict[Fault, type[DriverError]] = {
    kind.fault: kind
    for kind in (
        DriverIndexError, DriverValueError, DriverOverflowError, DriverZeroDivisionError,
        DriverDivisionError, DriverShiftError, DriverFuelError, StaleRequestError,
        RequestStateError, LockError, StatusError, AbsentError, DriverAssertionError, SleepError,
    )
}  # fmt: skip
