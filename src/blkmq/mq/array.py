# SPDX-License-Identifier: MIT
"""A fixed number of integers in a field. C twin: ``u64 counts[8]``."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any, Generic, TypeVar, cast, get_args, get_origin

from blkmq.mq.at_rest import AtRest, at_rest
from blkmq.mq.errors import DriverIndexError

T = TypeVar("T", bound=int)


class Array(Generic[T]):
    """A field ``counts: Annotated[Array[u64], 8]``: eight integers, zeroed, indexed 0..7.

    The length stands beside the type, because type checkers take only types between the brackets.  An index
    outside is an index error (a negative one too), a value that the size does not hold is a value error.
    """

    __slots__ = ("_name", "_rest", "_values")

    def __init__(self, rest: AtRest, length: int, name: str = "array") -> None:
        self._rest = rest
        self._name = name
        self._values = [rest.zero] * length

    def __len__(self) -> int:
        return len(self._values)

    def __iter__(self) -> Iterator[T]:
        return iter(cast("list[T]", self._values))

    def __getitem__(self, index: int) -> T:
        self._check(index)
        return cast(T, self._values[index])

    def __setitem__(self, index: int, value: int) -> None:
        self._check(index)
        self._values[index] = self._rest.entering(f"{self._name}[{index}]", value)

    def __repr__(self) -> str:
        return f"{self._name}: {self._rest} {self._values}"

    def _check(self, index: int) -> None:
        if not 0 <= index < len(self._values):
            raise DriverIndexError(f"{self._name}[{index}] outside 0..{len(self._values) - 1}")


def array_of(annotation: Any) -> tuple[AtRest, int] | None:
    """What an annotation ``Annotated[Array[u64], 8]`` says: how an element rests, and how many there are."""
    if get_origin(annotation) is not Annotated:
        return None
    array, *marks = get_args(annotation)
    if get_origin(array) is not Array or len(marks) != 1 or type(marks[0]) is not int or marks[0] < 1:
        return None
    element = at_rest(get_args(array)[0])
    return (element, marks[0]) if element else None
