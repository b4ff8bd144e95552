# SPDX-License-Identifier: MIT
"""How an integer, a bool or an enum lies in a field: its size, its values, and the check when one enters."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum, IntFlag
from functools import partial, reduce
from operator import or_
from typing import Annotated, Any, get_args, get_origin

from blkmq.mq.errors import DriverValueError, StatusError
from blkmq.mq.integer import Sized, is_const, is_live, s32, s64, sized, u8

_S32, _S64, _U8 = (size for size in map(sized, (s32, s64, u8)) if size is not None)


@dataclass(frozen=True)
class AtRest:
    """What an annotation such as ``u32``, ``bool``, ``BlkStatus`` or ``Const[u8]`` says of a field."""

    sized: Sized
    enum: type[IntEnum] | None = None
    boolean: bool = False
    const: bool = False
    live: bool = False

    def __str__(self) -> str:
        return "bool" if self.boolean else self.enum.__name__ if self.enum else self.sized.name

    @property
    def minimum(self) -> int:
        """The least value that the field takes."""
        if self.enum and issubclass(self.enum, IntFlag):
            return 0
        return min(self.enum) if self.enum else 0 if self.boolean else self.sized.minimum

    @property
    def maximum(self) -> int:
        """The greatest value that the field takes."""
        if self.enum and issubclass(self.enum, IntFlag):
            return bits_of(self.enum)
        return max(self.enum) if self.enum else int(self.boolean) or self.sized.maximum

    @property
    def zero(self) -> int:
        """What a zeroed field reads as: False, the enum's member that is 0, or 0."""
        return self.loaded(0)

    def loaded(self, value: int) -> int:
        """The Python value of what lies there."""
        if self.boolean:
            return bool(value)
        if self.enum and (value in _values(self.enum) or issubclass(self.enum, IntFlag)):
            return self.enum(value)
        return int(value)

    def entering(self, name: str, value: Any) -> int:
        """The value as the field keeps it; a DriverValueError or StatusError if it takes no such value."""
        if not isinstance(value, int):
            raise DriverValueError(f"{name}: {value!r} is no {self}")
        if self.enum and not issubclass(self.enum, IntFlag):
            if value not in _values(self.enum):
                kind = StatusError if self.enum.__name__ == "BlkStatus" else DriverValueError
                raise kind(f"{name}: {int(value)} is no {self}")
        elif not self.minimum <= value <= self.maximum or (self.enum and value & ~self.maximum):
            raise DriverValueError(f"{name}: {int(value)} outside {self.minimum}..{self.maximum} of a {self}")
        return self.loaded(value)


def at_rest(annotation: Any) -> AtRest | None:
    """How a field with this annotation rests; None if it is no sized integer, bool or IntEnum.

    An enum rests as ``s32`` where all its members fit, else as ``s64``; a bool as ``u8``.
    """
    rest_of = partial(AtRest, const=is_const(annotation), live=is_live(annotation))
    size = sized(annotation)
    if size is not None:
        return rest_of(size)
    inner = get_args(annotation)[0] if get_origin(annotation) is Annotated else annotation
    if inner is bool:
        return rest_of(_U8, boolean=True)
    if isinstance(inner, type) and issubclass(inner, IntEnum | IntFlag):
        rest = rest_of(_S32, enum=inner)  # type: ignore[arg-type]
        fits = _S32.holds(rest.minimum) and _S32.holds(rest.maximum)
        return rest if fits else rest_of(_S64, enum=rest.enum)
    return None


def bits_of(enum: type[IntFlag]) -> int:
    """The bits of all flags of an enum."""
    return reduce(or_, (int(member) for member in enum), 0)


def _values(enum: type[IntEnum]) -> set[int]:
    return {int(member) for member in enum.__members__.values()}
