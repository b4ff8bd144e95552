# SPDX-License-Identifier: MIT
"""Records of sized integers: ``QueueLimits``, ``TagSet`` and their kind, each the twin of a C structure."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, get_type_hints

from blkmq.mq.at_rest import AtRest, at_rest
from blkmq.mq.errors import ConfigError


class SizedRecord:
    """Base of dataclasses with fields of ``u32`` and the like: refuses a value where it enters its field."""

    __slots__ = ()
    _at_rest: ClassVar[dict[str, AtRest]]

    def __init_subclass__(cls) -> None:
        hints = get_type_hints(cls, include_extras=True)
        cls._at_rest = {name: rest for name, hint in hints.items() if (rest := at_rest(hint))}

    if not TYPE_CHECKING:  # to a type checker, a class with this method has every attribute

        def __setattr__(self, name, value):
            rest = self._at_rest.get(name)
            object.__setattr__(self, name, rest.entering(name, value) if rest else value)

    def refusal(self, field: str, rule: str, *, hint: str = "") -> ConfigError:
        """The error to raise when a field's present value breaks a rule."""
        return ConfigError(field, getattr(self, field), rule, hint=hint)
