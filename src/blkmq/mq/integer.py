# SPDX-License-Identifier: MIT
"""Sized integers: what a driver's field holds, and the range it is checked against.

In flight every integer is 64 bits signed; the size matters where a value rests: in a field, in
a configuration attribute, behind a conversion.  C twin: ``include/linux/types.h``.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any, TypeAlias, TypeVar, get_args, get_origin

T = TypeVar("T")

S64_MAX = (1 << 63) - 1
S64_MIN = -(1 << 63)


@dataclass(frozen=True)
class Sized:
    """Width and sign of an integer at rest, with the values that it takes."""

    name: str
    bits: int
    signed: bool

    @property
    def minimum(self) -> int:
        return -(1 << (self.bits - 1)) if self.signed else 0

    @property
    def maximum(self) -> int:
        # A u64 holds what a signed 64-bit value in flight can be: 0..2^63-1.
        return min((1 << (self.bits - self.signed)) - 1, S64_MAX)

    def holds(self, value: int) -> bool:
        return self.minimum <= value <= self.maximum


@dataclass(frozen=True)
class _ConstMark:
    """Marks a configuration field as a mode: the compiler may fold it to a constant."""


@dataclass(frozen=True)
class _LiveMark:
    """Marks a configuration field that may change while the disk is in service."""


CONST = _ConstMark()
LIVE = _LiveMark()

u8: TypeAlias = Annotated[int, Sized("u8", 8, False)]
u16: TypeAlias = Annotated[int, Sized("u16", 16, False)]
u32: TypeAlias = Annotated[int, Sized("u32", 32, False)]
u64: TypeAlias = Annotated[int, Sized("u64", 64, False)]
s8: TypeAlias = Annotated[int, Sized("s8", 8, True)]
s16: TypeAlias = Annotated[int, Sized("s16", 16, True)]
s32: TypeAlias = Annotated[int, Sized("s32", 32, True)]
s64: TypeAlias = Annotated[int, Sized("s64", 64, True)]

Const: TypeAlias = Annotated[T, CONST]
"""A mode, spelled ``irqmode: Const[u8] = 1``: one of few values, which decides what is compiled."""

Live: TypeAlias = Annotated[T, LIVE]
"""An attribute that may change in service, spelled ``delay_nsec: Live[u64] = 0``; ``configure`` runs again then."""


def sized(annotation: Any) -> Sized | None:
    """The :class:`Sized` of an annotation such as ``u32`` or ``Const[u8]``; None for others."""
    if get_origin(annotation) is Annotated:
        for mark in get_args(annotation)[1:]:
            if isinstance(mark, Sized):
                return mark
    return None


def is_const(annotation: Any) -> bool:
    """Whether an annotation is ``Const[...]``."""
    return _is_marked(annotation, CONST)


def is_live(annotation: Any) -> bool:
    """Whether an annotation is ``Live[...]``."""
    return _is_marked(annotation, LIVE)


def _is_marked(annotation: Any, mark: object) -> bool:
    """Python flattens nested ``Annotated``."""
    return get_origin(annotation) is Annotated and mark in get_args(annotation)[1:]
