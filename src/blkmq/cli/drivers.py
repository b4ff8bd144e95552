# SPDX-License-Identifier: MIT
"""``blkmq drivers``: what is installed, and a driver's attributes."""

from __future__ import annotations

import inspect
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from blkmq.cli.driver_argument import complete_driver, load, users_output
from blkmq.cli.output import echo_json, echo_table, json_option

if TYPE_CHECKING:
    from blkmq.device.driver_source import NamedDriver
    from blkmq.mq.configuration import Attribute


@click.command(short_help="List installed drivers, or a driver's attributes.")
@click.argument("driver", required=False, shell_complete=complete_driver)
@json_option
def drivers(driver: str | None, as_json: bool) -> None:
    """List the installed drivers, or the attributes of DRIVER.

    Any package can bring drivers: by an entry point of group `blkmq.drivers`. An attribute is given on the command
    line as ATTR=VALUE and in Python as a keyword argument. A `Const[…]` is a mode, a constant in what is compiled;
    another value of any other attribute compiles nothing. A `Live[…]` can be changed in service, by `blkmq set`.
    A comment behind it says what an attribute does, with its unit and its range: `#: capacity [MiB, 1..1024]`.

    \b
    Examples:
      blkmq drivers
      blkmq drivers ramdisk
      blkmq drivers my_disk.py --json
    """
    if driver is None:
        _list_drivers(as_json)
    else:
        _list_attributes(driver, as_json)


def _list_drivers(as_json: bool) -> None:
    from blkmq.device.driver_source import named_drivers

    found = [_driver_json(named) for named in named_drivers()]
    if as_json:
        echo_json({"drivers": found})
        return
    rows = [[one["name"], one["class"] or "-", one["doc"] or f"cannot be loaded: {one['error']}"] for one in found]
    echo_table(["driver", "class", "what it is"], rows)


def _driver_json(named: NamedDriver) -> dict[str, Any]:
    from blkmq.device.driver_source import DriverSourceError

    row = {"name": named.name, "class": "", "doc": "", "distribution": named.distribution, "error": ""}
    try:
        with users_output():
            cls = named.driver
    except DriverSourceError as error:
        return row | {"error": error.text}
    return row | {"class": cls.__name__, "doc": summary(cls)}


def summary(cls: type) -> str:
    """The first sentence of a class's docstring, or else of its module's."""
    doc = cls.__doc__ or getattr(sys.modules.get(cls.__module__), "__doc__", None) or ""
    paragraph = inspect.cleandoc(doc).partition("\n\n")[0]
    return re.split(r"(?<=[.!?])\s", " ".join(paragraph.split()))[0]


def _list_attributes(text: str, as_json: bool) -> None:
    from blkmq.mq.configuration import attributes_of

    cls = load(text)
    attributes = attributes_of(cls)
    if as_json:
        rows = [attribute_json(attribute) for attribute in attributes]
        echo_json({"driver": text, "class": cls.__name__, "doc": summary(cls), "attributes": rows})
        return
    if not attributes:
        click.echo(f"{cls.__name__} has no attributes")
        return
    head = ["attribute", "type", "unit", "range", "default", "what it does"]
    cells = [
        [
            a.name, _type(a), a.unit or "-", _range(a),
            spelled_value(a, a.default), a.doc or "-",
        ]
        for a in attributes
    ]  # fmt: skip
    echo_table(head, cells, f"{cls.__name__}: {summary(cls) or 'its attributes'}")


def _type(attribute: Attribute) -> str:
    """As the driver's source has it."""
    mark = "Const" if attribute.const else "Live" if attribute.live else ""
    return f"{mark}[{attribute.type_name}]" if mark else attribute.type_name


def attribute_json(attribute: Attribute) -> dict[str, Any]:
    """One attribute, for programs: the default is null where one must be given."""
    default = attribute.default
    return {
        "name": attribute.name,
        "type": attribute.type_name,
        "minimum": attribute.minimum,
        "maximum": attribute.maximum,
        "range": _range(attribute),
        "unit": attribute.unit,
        "members": {n: int(member) for n, member in attribute.enum.__members__.items()} if attribute.enum else None,
        "default": plain_value(attribute, default),
        "mode": attribute.const,
        "live": attribute.live,
        "doc": attribute.doc,
    }


def plain_value(attribute: Attribute, value: int | Path | None) -> int | str | None:
    """A value for programs: null, true or false, a number, or a path's text."""
    if value is None:
        return None
    if isinstance(value, Path):
        return str(value)
    return bool(value) if attribute.boolean else int(value)


def spelled_value(attribute: Attribute, value: int | Path | None) -> str:
    """A value as the command line takes it."""
    if value is None:
        return "required"
    if isinstance(value, Path):
        return str(value)
    if attribute.boolean:
        return "Y" if value else "N"
    if attribute.enum and value in list(attribute.enum):
        return attribute.enum(value).name
    return str(int(value))


def _range(attribute: Attribute) -> str:
    if attribute.boolean:
        return "N, Y"
    if attribute.enum:
        return ", ".join(f"{name} ({int(member)})" for name, member in attribute.enum.__members__.items())
    if attribute.minimum is None or attribute.maximum is None:
        return attribute.range or "-"
    return attribute.range or f"{_number(attribute.minimum)}..{_number(attribute.maximum)}"


def _number(value: int) -> str:
    """Ends of large ranges by their power of two."""
    if value > 0xFFFF and (value + 1).bit_count() == 1:
        return f"2^{value.bit_length()}-1"
    if value < -0xFFFF and (-value).bit_count() == 1:
        return f"-2^{value.bit_length() - 1}"
    return str(value)
