# SPDX-License-Identifier: MIT
"""From a driver class to the typed program: :func:`translate`."""

from __future__ import annotations

import ast
import difflib
import inspect
from collections.abc import Iterator
from types import NoneType
from typing import Any

from blkmq.compiler.frontend import calls, logic, loops, statements  # noqa: F401  they register what they lower
from blkmq.compiler.frontend.driver import Driver
from blkmq.compiler.frontend.nouns import CALLERS
from blkmq.compiler.frontend.records import snake_case, spelled_caller
from blkmq.compiler.frontend.refused import Refused
from blkmq.compiler.frontend.sharing import check_sharing
from blkmq.compiler.frontend.signatures import Signature
from blkmq.compiler.frontend.source import function_source, is_python_function
from blkmq.compiler.program import Entry, Field, Program
from blkmq.mq.configuration import attributes_of, configuration_of
from blkmq.mq.operations import SLOT_BY_NAME, SLOTS, Operations, Slot
from blkmq.mq.request import Request

#: Slots that a class Shared fills for all disks of its tag set, where it has them.
SHARED_SLOTS = ("init_request", "exit_request", "map_queues")


def translate(cls: type[Operations], config: Any = None, fold: bool = False) -> Program:
    """Checks and types a driver class; a Refused tells every place that breaks a rule.

    With ``fold``, attributes marked ``Const[...]`` become the constants that ``config`` (by default the
    attributes' defaults) gives them, and what only other values would reach is left out.
    """
    folded: dict[str, int] = {}
    if fold:
        config = configuration_of(cls, {}) if config is None else config
        folded = {a.name: int(getattr(config, a.name)) for a in attributes_of(cls) if a.const}
    driver = Driver(cls, folded)
    entries = [*_slot_entries(driver), *_caller_entries(driver)]
    if not driver.refusals:
        check_sharing(driver, entries)
    if driver.refusals:
        raise Refused(sorted(dict.fromkeys(driver.refusals), key=lambda r: (r.file != driver.file, r.file, r.line)))
    return Program(
        cls.__name__, snake_case(cls.__name__), tuple(driver.files), driver.own_records,
        tuple(driver.functions), tuple(entries), folded,
    )  # fmt: skip


def _slot_entries(driver: Driver) -> Iterator[Entry]:
    if not driver.has("queue_rq"):
        near = difflib.get_close_matches("queue_rq", driver.method_names(), n=1, cutoff=0.7)
        hint = f"did you mean queue_rq where you wrote {near[0]}?" if near else ""
        driver.refuse("queue-rq", f"class {driver.cls.__name__}", hint=hint)
    for slot in SLOTS:
        function, owner = inspect.getattr_static(driver.cls, slot.name, None), driver.cls
        if slot.name in SHARED_SLOTS and slot.name in vars(driver.cls.Shared):
            function, owner = vars(driver.cls.Shared)[slot.name], driver.cls.Shared
        if function is None:
            continue
        if not is_python_function(function):
            driver.refuse("decorator", slot.name, *_where(function))
            continue
        signature = driver.method(function, owner)
        wanted = tuple(_comparable(kind) for _, kind in slot.parameters)
        if _check(driver, signature, (*wanted, _comparable(slot.returns)), spelled_slot(slot)):
            driver.lower(signature)
        yield Entry(slot.number, signature.name, slot)
    if driver.has("queue_rq"):
        _check_near_slots(driver)


def _where(thing: object) -> tuple[str, int]:
    """File and line of what a decorator made of a function; "" and 0 if they cannot be found."""
    code = getattr(getattr(thing, "__wrapped__", None), "__code__", None)
    return (code.co_filename, code.co_firstlineno) if code else ("", 0)


def _comparable(annotation: Any) -> Any:
    return NoneType if annotation is None else annotation


def _check(driver: Driver, signature: Signature, wanted: tuple[Any, ...], spelled: str) -> bool:
    """Whether a callback has its slot's signature; what its body does with others would not be told apart."""
    if not signature.broken and tuple(map(_comparable, signature.annotations)) != wanted:
        source = signature.source
        driver.refuse("slot-signature", f"def {source.name}", source.file, source.node.lineno, hint=spelled)
        return False
    return True


def spelled_slot(slot: Slot) -> str:
    """How a slot's method is defined: ``def complete(self, rq: Request) -> None``."""
    parameters = "".join(f", {name}: {kind.__name__}" for name, kind in slot.parameters)
    returns = slot.returns.__name__ if slot.returns else "None"
    return f"def {slot.name}(self{parameters}) -> {returns}"


def _caller_entries(driver: Driver) -> Iterator[Entry]:
    """Methods that timers and works call."""
    for record in driver.own_records:
        in_pdu = record.name == driver.record_name("pdu")
        for field in record.fields:
            if field.noun in CALLERS:
                yield from _caller_entry(driver, field, in_pdu)


def _caller_entry(driver: Driver, field: Field, in_pdu: bool) -> Iterator[Entry]:
    function = inspect.getattr_static(driver.cls, field.method, None)
    spelled = spelled_caller(field, in_pdu)
    if not is_python_function(function):
        driver.refuse("caller-method", f"{field.name}: {field.noun}", hint=f"define `{spelled}` in the driver")
        return
    if field.method in SLOT_BY_NAME:
        hint = f"{field.method} is a slot: rename the field"
        driver.refuse("caller-method", f"{field.name}: {field.noun}", hint=hint)
        return
    signature = driver.method(function, driver.cls)
    if _check(driver, signature, (Request, NoneType) if in_pdu else (NoneType,), spelled):
        driver.lower(signature)
    yield Entry(field.slot, signature.name, None, serves_request=in_pdu)


def _check_near_slots(driver: Driver) -> None:
    """Refuses a method that nothing calls and whose name resembles an empty slot's."""
    methods = {name: inspect.getattr_static(driver.cls, name) for name in driver.method_names()}
    sources = [function_source(function) for function in methods.values()]
    nodes = [node for source in sources if source for node in ast.walk(source.node)]
    called = {node.attr for node in nodes if isinstance(node, ast.Attribute)}  # by whatever the attributes' values
    called |= {f.method for record in driver.own_records for f in record.fields if f.noun in CALLERS}
    empty = [slot for slot in SLOT_BY_NAME if slot not in methods]
    for name, function in methods.items():
        if name.startswith("_") or name in called or name in SLOT_BY_NAME:
            continue
        near = difflib.get_close_matches(name, empty, n=1, cutoff=0.75)
        if near:
            code = function.__code__
            hint = f"did you mean {near[0]}? A helper that is not used begins with an underscore"
            driver.refuse("unknown-slot", f"def {name}", code.co_filename, code.co_firstlineno, hint=hint)
