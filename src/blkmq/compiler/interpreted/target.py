# SPDX-License-Identifier: MIT
"""The interpreted target: the driver's own class, instrumented, with fields that check what enters them."""

from __future__ import annotations

import dataclasses
import inspect
from collections.abc import Callable
from functools import cache
from types import FunctionType
from typing import Any, ParamSpec, TypeVar, cast, get_type_hints

from blkmq.compiler.frontend.nouns import FIELD_NOUNS
from blkmq.compiler.frontend.records import INHERITED, records_of
from blkmq.compiler.frontend.source import is_python_function, package_of
from blkmq.compiler.interpreted.instrument import Instrumenter
from blkmq.compiler.program import Field
from blkmq.mq.array import Array, array_of
from blkmq.mq.at_rest import AtRest, at_rest
from blkmq.mq.errors import DriverError, DriverValueError
from blkmq.mq.operations import Operations
from blkmq.mq.request import Request

D = TypeVar("D", bound=Operations)
P = ParamSpec("P")
R = TypeVar("R")

Make = Callable[[Field], object]  #: makes the noun of a field
Enter = Callable[[Any], Any]  #: checks a value that enters a field, and returns it as the field keeps it

ROLES = {"pdu": "Pdu", "hw": "Hw", "shared": "Shared"}


def once(function: Callable[P, R]) -> Callable[P, R]:
    """:func:`functools.cache`, for functions of classes: type checkers do not take these for hashable."""
    return cache(function)  # type: ignore[return-value]


class NoFieldError(DriverError, AttributeError):
    """The Pdu, Hw or Shared has no such field."""


def make_noun(field: Field) -> object:
    """The noun of a field as ``blkmq.mq`` has it."""
    return FIELD_NOUNS[field.noun]()


def interpret(driver: D, make: Make = make_noun) -> D:
    """Turns a driver into its instrumented self, in place: zeroed fields, nouns made by ``make``."""
    cls = type(driver)
    if cls not in _instrumented_classes:
        driver.__class__ = instrumented(cls)
        cls = type(driver)
    _layout(cls, "").fill(driver, make)
    return driver


_instrumented_classes: set[type] = set()


@once
def instrumented(cls: type[D]) -> type[D]:
    """A subclass of the driver's class that raises where a rule is broken; made once for a class."""
    namespace = _methods(cls, Operations) | {"__setattr__": _checked_setattr(cls, "", strict=False)}
    made: Any = type(cls.__name__, (cls,), namespace | _names(cls))
    _instrumented_classes.add(made)
    return cast(type[D], made)


@once
def record_class(driver: type[Operations], role: str) -> type:
    """The class of the driver's Pdu, Hw or Shared (``role`` in lower case): ``record_class(cls, "pdu")(make)``."""
    cls = getattr(driver, ROLES[role])
    layout = _layout(driver, role)

    def fill(self: Any, make: Make = make_noun) -> None:
        layout.fill(self, make)

    namespace = _methods(cls, getattr(Operations, ROLES[role]))
    namespace |= {"__init__": fill, "__setattr__": _checked_setattr(driver, role, strict=True)}
    return type(cls.__name__, (cls,), namespace | _names(cls))


def _names(cls: type) -> dict[str, Any]:
    return {"__module__": cls.__module__, "__qualname__": cls.__qualname__, "__doc__": cls.__doc__}


# --- methods -------------------------------------------------------------------------------------------
def _methods(cls: type, root: type) -> dict[str, Any]:
    """The instrumented methods of a class and its bases up to blkmq's own, as one namespace."""
    home = Instrumenter(package_of(cls))
    twins: dict[tuple[type, str], Any] = {}
    namespace: dict[str, Any] = {}
    for owner in reversed(cls.__mro__):
        if owner in root.__mro__:
            continue
        for name, value in vars(owner).items():
            kind = type(value) if isinstance(value, staticmethod | classmethod) else None
            function = value.__func__ if kind else value
            namespace.pop(name, None)
            if is_python_function(function):
                twin = home.function(function, owner.__name__, _super_of(owner, twins))
                twins[owner, name] = namespace[name] = kind(twin) if kind else twin
    return namespace


def _super_of(owner: type, twins: dict[tuple[type, str], Any]) -> Callable[[Any], Any]:
    """What ``super()`` gives in a method of ``owner``: the instrumented methods of the next classes."""

    class Super:
        def __init__(self, instance: Any) -> None:
            self.instance = instance

        def __getattr__(self, name: str) -> Any:
            order = type(self.instance).__mro__
            for cls in order[order.index(owner) + 1 :]:
                if name in vars(cls):
                    twin = twins.get((cls, name))
                    if isinstance(twin, FunctionType):
                        return twin.__get__(self.instance)
                    break
            return getattr(super(owner, self.instance), name)

    return Super


# --- fields ----------------------------------------------------------------------------------------------
@dataclasses.dataclass(frozen=True)
class _Layout:
    """How the fields of a record are made and checked."""

    makes: dict[str, Callable[[Make], object]]
    enters: dict[str, Enter]

    def fill(self, target: object, make: Make) -> None:
        for name, initial in self.makes.items():
            object.__setattr__(target, name, initial(make))


@once
def _layout(driver: type[Operations], role: str) -> _Layout:
    cls = getattr(driver, ROLES[role]) if role else driver
    _, own, pdu, hw, shared = records_of(driver, None)
    record = {"": own, "pdu": pdu, "hw": hw, "shared": shared}[role]
    fields = {field.name: field for field in record.fields}
    layout = _Layout({}, {})
    for name, annotation in get_type_hints(cls, include_extras=True).items():
        if not role and name in INHERITED:
            continue
        make, enter = _field(name, annotation, fields.get(name))
        layout.makes[name], layout.enters[name] = make, enter
        if name not in fields and inspect.getattr_static(cls, name, None) is not None:
            del layout.makes[name]  # any Python object, with a default of its own
    return layout


def _field(name: str, annotation: Any, field: Field | None) -> tuple[Callable[[Make], object], Enter]:
    rest, array = at_rest(annotation), array_of(annotation)
    if field is None:  # not in the subset: any Python object
        return lambda make: None, lambda value: value
    if rest is not None:
        initial = rest.loaded(field.default)
        return lambda make: initial, _integer(name, rest)
    if array is not None:
        element, length = array
        return lambda make: Array(element, length, name), _fixed(name)
    if field.noun == "Request":
        return lambda make: None, _request(name)
    return lambda make: make(field), _fixed(name)


def _integer(name: str, rest: AtRest) -> Enter:
    if rest.enum or rest.boolean:
        return lambda value: rest.entering(name, value)
    low, high = rest.minimum, rest.maximum

    def enter(value: Any) -> Any:
        return value if type(value) is int and low <= value <= high else rest.entering(name, value)

    return enter


def _fixed(name: str) -> Enter:
    def enter(value: Any) -> Any:
        raise DriverValueError(f"{name} cannot be assigned: use its verbs or elements")

    return enter


def _request(name: str) -> Enter:
    def enter(value: Any) -> Any:
        if value is not None and not isinstance(value, Request):
            raise DriverValueError(f"{name}: {value!r} is no Request")
        return value

    return enter


def _checked_setattr(driver: type[Operations], role: str, *, strict: bool) -> Callable[[Any, str, Any], None]:
    enters = _layout(driver, role).enters
    title = ROLES.get(role, driver.__name__)

    def __setattr__(self: Any, name: str, value: Any) -> None:
        enter = enters.get(name)
        if enter is not None:
            value = enter(value)
        elif strict:
            raise NoFieldError(f"{title} has no field {name}: annotate it in the class")
        object.__setattr__(self, name, value)

    return __setattr__
