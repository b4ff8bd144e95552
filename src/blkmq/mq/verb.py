# SPDX-License-Identifier: MIT
"""Marks the verbs of the nouns: what the compiler may call, and what each may do.

A verb's name, parameters and types are read from its Python signature, so that the signature that a
driver author sees is the one that every target implements: ``PageStore.get_or_alloc(index)`` is
``page_store_get_or_alloc(call, store, index)`` in the compiled runtimes.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

F = TypeVar("F", bound=Callable[..., Any])


@dataclass(frozen=True)
class Verb:
    """Properties of a verb that its signature does not tell."""

    fallible: bool  #: may raise: the compiled caller checks for an error after it
    sleeps: bool  #: may sleep: refused under a spin lock and in atomic context


def verb(*, fallible: bool = True, sleeps: bool = False) -> Callable[[F], F]:
    """Marks a method or function of ``blkmq.mq`` as callable from a driver on every target."""

    def mark(function: F) -> F:
        function.__verb__ = Verb(fallible, sleeps)  # type: ignore[attr-defined]
        return function

    return mark


def verb_of(function: object) -> Verb | None:
    """The mark of a function; None when a compiled driver may not call it."""
    return getattr(function, "__verb__", None)
