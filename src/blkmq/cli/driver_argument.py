# SPDX-License-Identifier: MIT
"""The words ``DRIVER [ATTR=VALUE]...`` of a command line, and their completion."""

from __future__ import annotations

import contextlib
import io
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from click.shell_completion import CompletionItem

if TYPE_CHECKING:
    from blkmq.mq.configuration import Attribute
    from blkmq.mq.operations import Operations

WORDS = "blkmq.attributes"  #: where completion finds the words before, in ``ctx.meta``
NR_LEVELS_MAX = 8  #: directories that completion goes down by itself where there is only one way


def users_output() -> AbstractContextManager[Any]:
    """Sends what a driver's code prints to stderr: stdout has the answer, and nothing else."""
    return contextlib.redirect_stdout(sys.stderr)


def load(text: str) -> type[Operations]:
    """The class that DRIVER names."""
    from blkmq.device.driver_source import load_driver

    with users_output():
        return load_driver(text)


def new(cls: type[Operations], attributes: Mapping[str, str]) -> Operations:
    """A driver with the attributes of the command line; a class that cannot have any is Refused."""
    from blkmq.compiler.frontend.translate import translate
    from blkmq.device.driver_source import new_driver
    from blkmq.mq.configuration import attributes_of
    from blkmq.mq.errors import ConfigError

    try:
        attributes_of(cls)
    except ConfigError:
        translate(cls)  # says where, and what else there is
        raise
    with users_output():
        try:
            return new_driver(cls, attributes)
        except ConfigError as error:
            if error.field not in attributes:  # the mistake is in the class, perhaps not alone
                translate(cls)
            raise


# --- completion --------------------------------------------------------------------------------------------
def complete_driver(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Names of installed drivers, and Python files."""
    from blkmq.device.driver_source import named_drivers

    names = [CompletionItem(named.name) for named in named_drivers() if named.name.startswith(incomplete)]
    return names + [CompletionItem(path) for path in _paths(incomplete)]


def _paths(incomplete: str) -> list[str]:
    """Python files and directories that begin so; a directory that is the only one, with what it holds."""
    for _ in range(NR_LEVELS_MAX):
        found = list(_paths_beside(incomplete))
        if len(found) != 1 or not found[0].endswith("/"):
            return found
        incomplete = found[0]
    return []


def _paths_beside(incomplete: str) -> Iterator[str]:
    before, slash, start = incomplete.rpartition("/")
    directory = Path(before + slash)
    try:
        inside = sorted(directory.iterdir())
    except OSError:
        return
    for path in inside:
        if not path.name.startswith(start) or (path.name.startswith((".", "__")) and not start):
            continue
        if path.is_dir():
            yield f"{before}{slash}{path.name}/"
        elif path.suffix == ".py":
            yield f"{before}{slash}{path.name}"


def complete_attribute(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Attributes of the DRIVER before; the last one left with values of it."""
    from blkmq.mq.configuration import attributes_of

    try:
        with contextlib.redirect_stderr(io.StringIO()):
            attributes = {attribute.name: attribute for attribute in attributes_of(load(ctx.params["driver"]))}
    except Exception:  # an incomplete line may be wrong in any way
        return []
    if name := _name_before(ctx.meta.get(WORDS, ())):
        values = example_values(attributes[name]) if name in attributes else []
        return [CompletionItem(value) for value in values if value.startswith(incomplete)]
    name, equals, _ = incomplete.partition("=")
    near = [attribute for attribute in attributes.values() if attribute.name.startswith(name)]
    if equals:
        near = [attribute for attribute in near if attribute.name == name]
    words = [f"{a.name}=" for a in near if not equals]
    if len(near) == 1:
        words += [f"{near[0].name}={value}" for value in example_values(near[0])]
    docs = {a.name: a.doc for a in near}
    return [CompletionItem(w, help=docs[w.partition("=")[0]] or None) for w in words if w.startswith(incomplete)]


def _name_before(words: Sequence[str]) -> str:
    """The attribute whose value is wanted in a shell that takes = for a word of its own, as bash does."""
    if len(words) > 1 and words[-1] == "=":
        return words[-2]
    return words[-1] if words and "=" not in words[-1] else ""


def example_values(attribute: Attribute) -> list[str]:
    """All values of an enum or bool, the default of a number or path."""
    if attribute.boolean:
        return ["Y", "N"]
    if attribute.enum:
        return list(attribute.enum.__members__)
    return [] if attribute.default is None else [str(attribute.default)]


# --- the words ---------------------------------------------------------------------------------------------
def as_mapping(ctx: click.Context, param: click.Parameter, words: tuple[str, ...]) -> dict[str, str]:
    """``ATTR=VALUE`` words as a mapping; a usage error for any other word."""
    ctx.meta[WORDS] = words
    attributes: dict[str, str] = {}
    for word in words if not ctx.resilient_parsing else ():
        name, equals, value = word.partition("=")
        if not equals or not name:
            raise click.UsageError(f"{word!r} is no ATTR=VALUE", ctx)
        if name in attributes:
            raise click.UsageError(f"{name} is given twice", ctx)
        attributes[name] = value
    return attributes


driver_argument = click.argument("driver", shell_complete=complete_driver)

attributes_argument = click.argument(
    "attributes",
    nargs=-1,
    metavar="[ATTR=VALUE]...",
    callback=as_mapping,
    shell_complete=complete_attribute,
)
