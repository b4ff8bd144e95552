# SPDX-License-Identifier: MIT
"""``blkmq ops``: all slots that a driver can fill, and those that it does."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import click

from blkmq.cli.driver_argument import driver_argument, load
from blkmq.cli.output import echo_json, echo_table, json_option, on_terminal

if TYPE_CHECKING:
    from blkmq.mq.operations import Operations

TITLES = {
    "blk_mq_ops": "struct blk_mq_ops",
    "block_device_operations": "struct block_device_operations",
    "blkmq": "blkmq's own",
    "driver": "called by the driver's timers and works",
}


SHOW_RQ = "show_rq"  #: no driver writes it


@dataclass(frozen=True)
class Callback:
    """One slot, or the method of a timer or work."""

    family: str  #: a key of TITLES
    name: str
    doc: str
    signature: str
    filled: bool
    file: str = ""
    line: int = 0


@click.command(short_help="Show every callback that a driver can have, and which it has.")
@driver_argument
@json_option
def ops(driver: str, as_json: bool) -> None:
    """Show all slots of struct blk_mq_ops and struct block_device_operations, and where DRIVER fills them.

    A slot is filled by a method of its name. An empty one is NULL, as in a C driver.

    \b
    Examples:
      blkmq ops ramdisk
      blkmq ops my_disk.py:MyDisk --json
    """
    cls = load(driver)
    callbacks = [*slot_callbacks(cls), *caller_callbacks(cls)]
    if as_json:
        echo_json({"driver": driver, "class": cls.__name__, "callbacks": [asdict(callback) for callback in callbacks]})
        return
    for family, title in TITLES.items():
        rows = [_row(callback) for callback in callbacks if callback.family == family]
        if rows:
            if not on_terminal() and family != next(iter(TITLES)):
                click.echo()
            echo_table(["slot", "filled at", "what it is for"], rows, f"{cls.__name__}: {title}")


def _row(callback: Callback) -> list[str]:
    from blkmq.compiler.frontend.source import shown

    place = "made from Pdu" if callback.name == SHOW_RQ else "-"
    if callback.filled:
        place = f"{shown(callback.file)}:{callback.line}" if callback.file else "somewhere"
    return [callback.name, place, callback.doc]


def slot_callbacks(cls: type[Operations]) -> Iterator[Callback]:
    """Every slot, in the order of its structure."""
    from blkmq.compiler.frontend.translate import SHARED_SLOTS, spelled_slot
    from blkmq.mq.operations import SLOTS

    for slot in SLOTS:
        function = inspect.getattr_static(cls, slot.name, None)
        if slot.name in SHARED_SLOTS:
            function = vars(cls.Shared).get(slot.name, function)
        yield Callback(
            slot.family.name.lower(), slot.name, slot.doc, spelled_slot(slot), function is not None, *_place(function)
        )
    doc = "Describe a request: a line with its fields and those of its Pdu, as `blkmq show` has it."
    yield Callback("blk_mq_ops", SHOW_RQ, doc, "", filled=False)


def caller_callbacks(cls: type[Operations]) -> Iterator[Callback]:
    """The methods that the driver's HrTimers and Works call."""
    from blkmq.compiler.frontend.nouns import CALLERS
    from blkmq.compiler.frontend.records import records_of

    _, own, pdu, _, _ = records_of(cls, None)
    for record, holder in ((own, cls.__name__), (pdu, "Pdu")):
        for field in record.fields:
            if field.noun in CALLERS:
                function = inspect.getattr_static(cls, field.method, None)
                parameters = "self, rq: Request" if holder == "Pdu" else "self"
                yield Callback(
                    "driver",
                    field.method,
                    f"called by {field.noun} {holder}.{field.name}",
                    f"def {field.method}({parameters}) -> None",
                    function is not None,
                    *_place(function),
                )


def _place(function: Any) -> tuple[str, int]:
    """File and line of the ``def``; "" and 0 if they cannot be found."""
    from blkmq.compiler.frontend.source import function_source

    function = inspect.unwrap(getattr(function, "__func__", function)) if function is not None else None
    if not inspect.isfunction(function):
        return "", 0
    source = function_source(function)
    if source is None:
        return function.__code__.co_filename, function.__code__.co_firstlineno
    return source.file, source.node.lineno
