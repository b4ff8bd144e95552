# SPDX-License-Identifier: MIT
"""A driver's attributes: what its ``config`` dataclass declares, and a checked instance of it.

The same table becomes keyword arguments in Python, options of the command line, module parameters and
configfs files, so a value may also come as a string.
"""

from __future__ import annotations

import ast
import contextlib
import dataclasses
import difflib
import errno
import inspect
import re
from collections.abc import Iterator
from dataclasses import MISSING, dataclass
from enum import IntEnum
from functools import cache
from pathlib import Path
from typing import Any, get_type_hints

from blkmq.mq.at_rest import AtRest, at_rest
from blkmq.mq.errors import ConfigError, DriverError

_TRUE, _FALSE = {"y", "yes", "t", "true", "on", "1"}, {"n", "no", "f", "false", "off", "0"}


@dataclass(frozen=True)
class Attribute:
    """One attribute of a driver, for tables, command lines, module parameters and configfs."""

    name: str
    rest: AtRest | None  #: size, or enum, or bool; None: a path, which is for the control path alone
    default: int | Path | None  #: None: it must be given
    doc: str  #: its ``#:`` comment: what it does
    unit: str = ""  #: ``#: … [MiB]``
    range: str = ""  #: the useful values, where the type takes more: ``#: … [bytes, 512..65536]``

    @property
    def type_name(self) -> str:
        """``u32``, ``bool``, the enum's name, or ``path``."""
        return str(self.rest or "path")

    @property
    def const(self) -> bool:
        """Whether it is a mode (``Const[...]``), which may be compiled in."""
        return self.rest is not None and self.rest.const

    @property
    def live(self) -> bool:
        """Whether it may change in service (``Live[...]``)."""
        return self.rest is not None and self.rest.live

    @property
    def boolean(self) -> bool:
        return self.rest is not None and self.rest.boolean

    @property
    def enum(self) -> type[IntEnum] | None:
        return self.rest.enum if self.rest else None

    @property
    def minimum(self) -> int | None:
        """The least value; None of a path."""
        return self.rest.minimum if self.rest else None

    @property
    def maximum(self) -> int | None:
        """The greatest value; None of a path."""
        return self.rest.maximum if self.rest else None


def config_class_of(driver: type) -> type | None:
    """The dataclass that the driver's ``config: ...`` names; None when it has no attributes."""
    config = _hints(driver).get("config")
    if config is None or config is Any:
        return None
    if not (isinstance(config, type) and dataclasses.is_dataclass(config)):
        raise ConfigError(
            f"{driver.__name__}.config",
            config,
            "is no dataclass",
            hint="declare `@dataclass(frozen=True, kw_only=True) class ...Config` and annotate `config: ...Config`",
        )
    return config


def attributes_of(driver: type) -> list[Attribute]:
    """The driver's attributes in the order of their declaration."""
    config = config_class_of(driver)
    return [] if config is None else list(_attributes_of_config(config))


@cache
def _attributes_of_config(config: type) -> tuple[Attribute, ...]:
    hints, docs = _hints(config), doc_comments(config)
    attributes = []
    for field in dataclasses.fields(config):
        rest = at_rest(hints[field.name])
        if rest is None and hints[field.name] is not Path:
            raise ConfigError(
                f"{config.__name__}.{field.name}",
                hints[field.name],
                "is no sized integer, bool, IntEnum or Path",
                hint="write u32, u64, bool, Const[u8] … from blkmq, or Path from pathlib",
            )
        if rest is not None and rest.const and rest.live:
            raise ConfigError(
                f"{config.__name__}.{field.name}",
                hints[field.name],
                "is Const, compiled in, and Live, changed in service",
                hint="choose one",
            )
        default = None if field.default is MISSING else field.default
        attributes.append(Attribute(field.name, rest, default, *_parts(docs.get(field.name, ""))))
    return tuple(attributes)


def _parts(comment: str) -> tuple[str, str, str]:
    """What an attribute does, its unit and its range, of a comment such as ``capacity [MiB, 1..1024]``."""
    found = re.fullmatch(r"(.*?)\s*\[(?:([^\d,\]][^,\]]*))?(?:,\s*)?([^\]]*)\]", comment)
    return (found[1], found[2] or "", found[3]) if found else (comment, "", "")


def configuration_of(driver: type, attributes: dict[str, Any]) -> Any:
    """The driver's configuration, from attributes by name; None for a driver without ``config``.

    Values may be integers, bools, enum members, paths, or strings of these as a command line has them.  An unknown
    name, a missing one, a value out of range, and what the dataclass's own ``check()`` refuses, are ConfigErrors.
    The hint for an unknown name may be the dataclass's own: ``instead = (("gb", "give size, in MiB"),)``.
    """
    known = {attribute.name: attribute for attribute in attributes_of(driver)}
    for name, value in attributes.items():
        if name not in known:
            hint = dict(getattr(config_class_of(driver), "instead", ())).get(name) or _near(name, list(known))
            raise ConfigError(name, value, f"{driver.__name__} has no such attribute", hint=hint)
    values = {}
    for name, attribute in known.items():
        value = attributes.get(name, attribute.default)
        if value is None:
            raise ConfigError(name, None, f"{driver.__name__} needs it", hint=f"give {name}=…")
        values[name] = _path(name, value) if attribute.rest is None else _entering(attribute, attribute.rest, value)
    config = config_class_of(driver)
    if config is None:
        return None
    made = config(**values)
    if check := getattr(made, "check", None):
        check()
    return made


def values_of(driver: Any) -> dict[str, Any]:
    """What a driver object's attributes are now, by name."""
    return {attribute.name: getattr(driver.config, attribute.name) for attribute in attributes_of(type(driver))}


@contextlib.contextmanager
def naming_attributes(driver: Any) -> Iterator[None]:
    """What a ConfigError refuses may be what an attribute asked for: then its hint names that."""
    try:
        yield
    except ConfigError as error:
        defaults = {attribute.name: attribute.default for attribute in attributes_of(type(driver))}
        names = [name for name, value in values_of(driver).items() if value == error.value != defaults[name]]
        if names:
            asked = " and ".join(f"{name} = {error.value}" for name in names)
            error.hint = f"{error.hint}; {asked} asked for it" if error.hint else f"{asked} asked for it"
        raise


@cache
def doc_comments(cls: type) -> dict[str, str]:
    """The ``#:`` comment behind, or in the lines before, each annotated field of a class and its bases."""
    docs: dict[str, str] = {}
    for base in reversed(cls.__mro__[:-1]):
        try:
            lines = inspect.getsource(base).splitlines()
            docs |= _doc_comments(base, lines)
        except (OSError, TypeError, SyntaxError):
            continue
    return docs


def _doc_comments(cls: type, lines: list[str]) -> dict[str, str]:
    docs: dict[str, str] = {}
    indent = len(lines[0]) - len(lines[0].lstrip())
    tree = ast.parse("\n".join(line[indent:] if line[:indent].isspace() else line for line in lines))
    if not tree.body or not isinstance(definition := tree.body[0], ast.ClassDef) or definition.name != cls.__name__:
        return {}  # lines of something else: the class was not made from its module's file
    for statement in definition.body:
        if isinstance(statement, ast.AnnAssign) and isinstance(statement.target, ast.Name):
            behind = re.search(r"#:\s*(.*)", lines[(statement.end_lineno or statement.lineno) - 1])
            above: list[str] = []
            for line in reversed(lines[: statement.lineno - 1]):
                if not line.strip().startswith("#:"):
                    break
                above.insert(0, line.strip()[2:].strip())
            docs[statement.target.id] = behind[1].strip() if behind else " ".join(above)
    return docs


def _hints(cls: type) -> dict[str, Any]:
    try:
        return get_type_hints(cls, include_extras=True)
    except (NameError, AttributeError) as error:
        raise ConfigError(
            cls.__name__,
            error.name,
            "an annotation names what its module does not have",
            hint="import the name, or define the class at the top of its module",
        ) from None


def _near(name: str, known: list[str]) -> str:
    near = difflib.get_close_matches(name, known, n=3, cutoff=0.5)
    if near:
        return "did you mean " + " or ".join(near) + "?"
    return "known attributes: " + ", ".join(known) if known else "it has no attributes"


def _path(name: str, value: object) -> Path:
    """A path that stays the same wherever the process goes."""
    if not isinstance(value, str | Path) or not str(value) or "\0" in str(value):
        raise ConfigError(name, value, "is no path", hint="give the path of a file")
    return Path(value).absolute()


def _entering(attribute: Attribute, rest: AtRest, value: object) -> int:
    name = attribute.name
    number = _parsed(attribute, value) if isinstance(value, str) else value
    if not isinstance(number, int):
        raise ConfigError(name, value, f"is no {rest}", hint=_values(attribute))
    try:
        return rest.entering(name, number)
    except DriverError:
        rule = f"is no {rest}" if rest.enum or rest.boolean else f"outside {rest.minimum}..{rest.maximum} of a {rest}"
        too_large = number > rest.maximum and not rest.enum and not rest.boolean
        raise ConfigError(
            name, value, rule, hint=_values(attribute), errno=errno.ERANGE if too_large else errno.EINVAL
        ) from None  # as kstrtouint


def _parsed(attribute: Attribute, text: str) -> int | None:
    word = text.strip()
    if attribute.boolean:
        return True if word.lower() in _TRUE else False if word.lower() in _FALSE else None
    if attribute.enum and word.upper() in attribute.enum.__members__:
        return attribute.enum[word.upper()]
    try:
        return int(word, 0)
    except ValueError:
        return None


def _values(attribute: Attribute) -> str:
    if attribute.enum:
        return "one of " + ", ".join(f"{name} ({int(member)})" for name, member in attribute.enum.__members__.items())
    if attribute.boolean:
        return "Y or N"
    words = f"an integer {attribute.range or f'{attribute.minimum}..{attribute.maximum}'}"
    words += f" ({attribute.unit})" if attribute.unit else ""
    return words + (f", {attribute.doc}" if attribute.doc else "")
