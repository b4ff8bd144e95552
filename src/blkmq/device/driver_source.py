# SPDX-License-Identifier: MIT
"""Where drivers come from: an entry point's name, or a Python file.

Mistakes in somebody's file become :class:`DriverSourceError` with that file's line; the exception itself is its cause.
"""

from __future__ import annotations

import difflib
import hashlib
import importlib.util
import inspect
import os
import re
import sys
import sysconfig
import traceback
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from types import ModuleType
from typing import Any, NoReturn, TypeGuard, TypeVar, get_type_hints

from blkmq.mq.errors import BlkmqError
from blkmq.mq.operations import Operations

T = TypeVar("T")

GROUP = "blkmq.drivers"
OWN = str(Path(__file__).parents[1])
OWN_DRIVERS = str(Path(OWN, "drivers"))
LIBRARIES = tuple({sysconfig.get_path(name) for name in ("stdlib", "platstdlib", "purelib", "platlib")})
DRIVER_HINT = "a driver is `class MyDisk(blkmq.Operations):` with the method queue_rq"


class DriverSourceError(BlkmqError):
    """There is no such driver, or what should define it cannot be loaded."""


@dataclass(frozen=True)
class NamedDriver:
    """An installed driver, which an entry point names."""

    entry_point: EntryPoint

    @property
    def name(self) -> str:
        return self.entry_point.name

    @property
    def distribution(self) -> str:
        """Name and version of the package that brings it."""
        found = self.entry_point.dist
        return f"{found.name} {found.version}" if found else ""

    @cached_property
    def driver(self) -> type[Operations]:
        """The class; a DriverSourceError if it cannot be loaded."""
        where = f"driver {self.name}: entry point {self.entry_point.value}"
        try:
            found = self.entry_point.load()
        except Exception as error:
            hint = f"the package {self.distribution or '?'} brings it: install that again"
            raise DriverSourceError(f"{where}: {_spelled(error)}", hint=hint) from error
        if not _is_driver(found):
            raise DriverSourceError(f"{where} is no subclass of blkmq.Operations", hint=DRIVER_HINT)
        return found


def named_drivers() -> list[NamedDriver]:
    """The installed drivers by name; the first one found of several of a name."""
    found: dict[str, NamedDriver] = {}
    for entry_point in entry_points(group=GROUP):
        found.setdefault(entry_point.name, NamedDriver(entry_point))
    return [found[name] for name in sorted(found)]


def load_driver(text: str) -> type[Operations]:
    """The driver class that ``text`` names: an entry point, ``file.py``, or ``file.py:ClassName``."""
    path, colon, class_name = text.rpartition(":")
    if colon and path.endswith(".py") and not os.path.exists(text):
        return _checked(_from_file(Path(path), class_name))
    if text.endswith(".py") or "/" in text:
        return _checked(_from_file(Path(text), ""))
    names = {named.name: named for named in named_drivers()}
    if text not in names:
        raise DriverSourceError(f"no driver {text!r} is installed", hint=_name_hint(text, list(names)))
    return _checked(names[text].driver)


def new_driver(cls: type[Operations], attributes: Mapping[str, Any]) -> Operations:
    """A driver with these attributes; an exception of its own code becomes a DriverSourceError."""
    return _run_users_code(lambda: cls(**attributes))


# --- names -----------------------------------------------------------------------------------------------
def _name_hint(text: str, names: Sequence[str]) -> str:
    if os.path.isdir(text):
        return f"there is a directory of this name; {_directory_hint(Path(text))}"
    for candidate in (text, f"{text}.py"):
        if os.path.isfile(candidate):
            return f"a file's name needs its .py: {text}.py"
    if "=" in text:
        return "DRIVER comes first, then ATTR=VALUE"
    near = difflib.get_close_matches(text, names, n=3, cutoff=0.5)
    if near:
        return f"did you mean {' or '.join(near)}?"
    return f"installed: {', '.join(names) or 'none'}; or give a file: path/to/driver.py"


# --- files -----------------------------------------------------------------------------------------------
def _from_file(path: Path, class_name: str) -> type[Operations]:
    module = _module(path)
    drivers = {name: value for name, value in vars(module).items() if _is_driver(value)}
    if class_name:
        if class_name not in drivers:
            _refuse_class(path, class_name, module, list(drivers))
        return drivers[class_name]
    own = {cls.__name__: cls for cls in drivers.values() if cls.__module__ == module.__name__}
    if len(own) > 1:
        choices = " or ".join(f"{path}:{name}" for name in own)
        raise DriverSourceError(f"{path} defines {len(own)} drivers: {', '.join(own)}", hint=f"say which: {choices}")
    if not own:
        _refuse_module(path, module, drivers)
    return next(iter(own.values()))


def _refuse_class(path: Path, class_name: str, module: ModuleType, drivers: list[str]) -> NoReturn:
    if class_name in vars(module):
        text, hint = f"{path}: {class_name} is no subclass of blkmq.Operations", DRIVER_HINT
    else:
        near = difflib.get_close_matches(class_name, drivers, n=3, cutoff=0.5)
        text = f"{path} has no class {class_name}"
        hint = f"did you mean {' or '.join(near)}?" if near else f"drivers there: {', '.join(drivers) or 'none'}"
    raise DriverSourceError(text, hint=hint)


def _refuse_module(path: Path, module: ModuleType, imported: Mapping[str, type]) -> NoReturn:
    hint = DRIVER_HINT
    if imported:
        hint = f"one that it imports is named so: {' or '.join(f'{path}:{name}' for name in imported)}"
    for name, value in vars(module).items():
        if isinstance(value, type) and value.__module__ == module.__name__ and hasattr(value, "queue_rq"):
            hint = f"write `class {name}(blkmq.Operations):`"
    raise DriverSourceError(f"{path} defines no driver", hint=hint)


def _module(path: Path) -> ModuleType:
    """The file as a module of its own, the same one again while neither its place nor its text changes."""
    file = str(path.absolute())
    content = _content(path)
    digest = hashlib.sha256(file.encode(errors="surrogateescape") + b"\0" + content).hexdigest()[:12]
    name = f"blkmq_file_{re.sub(r'[^a-zA-Z0-9]', '_', path.stem)}_{digest}"
    if name in sys.modules:
        return sys.modules[name]
    spec = importlib.util.spec_from_file_location(name, file)
    assert spec is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # dataclasses, inspect and get_type_hints look there
    sys.path.append(str(path.parent.absolute()))  # what lies beside it can be imported, and hides nothing
    try:
        # Not by the loader: that would leave a __pycache__ beside somebody's file.
        _run_users_code(lambda: exec(compile(content, file, "exec", dont_inherit=True), module.__dict__), file)
    except BaseException:
        del sys.modules[name]
        raise
    finally:
        sys.path.pop()
    return module


def _content(path: Path) -> bytes:
    try:
        if path.is_dir():
            raise DriverSourceError(f"{path} is a directory", hint=_directory_hint(path))
        if path.suffix != ".py" and path.exists():
            raise DriverSourceError(f"{path} is no Python file", hint="give a file whose name ends in .py")
        return path.read_bytes()
    except FileNotFoundError:
        beside = {one.name: str(one) for one in path.parent.glob("*.py")}
        near = [beside[name] for name in difflib.get_close_matches(path.name, beside, n=2, cutoff=0.75)]
        hint = (
            f"did you mean {' or '.join(near)}?" if near else "give a file's path, or a name that `blkmq drivers` lists"
        )
        raise DriverSourceError(f"{path}: no such file", hint=hint) from None
    except (OSError, ValueError) as error:  # ValueError: a NUL in the name
        reason = getattr(error, "strerror", None) or str(error)
        raise DriverSourceError(f"{path}: cannot be read: {reason}", hint="look at the file's permissions") from error


def _directory_hint(path: Path) -> str:
    inside = sorted(path.glob("*.py"))
    return f"give one of its files: {', '.join(map(str, inside[:5]))}" if inside else "give a .py file"


# --- what goes wrong in somebody's code --------------------------------------------------------------------
def _run_users_code(code: Callable[[], T], file: str = "") -> T:
    """Runs code of a driver's author; its exceptions become DriverSourceErrors that say where."""
    try:
        return code()
    except SyntaxError as error:
        place = f"{_shown(error.filename or file)}:{error.lineno or 1}"
        source = f": `{error.text.strip()}`" if error.text and error.text.strip() else ""
        hint = f"Python {sys.version_info.major}.{sys.version_info.minor} cannot read this line, or the one before it"
        raise DriverSourceError(f"{place}: {error.msg}{source}", hint=hint) from error
    except SystemExit as error:
        text = f"{_place(error, file)}: the file ends the program when it is imported"
        raise DriverSourceError(text, hint='put it below `if __name__ == "__main__":`') from error
    except BlkmqError as error:
        if not file:
            raise
        raise DriverSourceError(f"{_place(error, file)}: {error.text}", hint=error.hint) from error
    except Exception as error:
        place = _place(error, file)
        if not place:
            raise  # none of theirs: a mistake of ours
        raise DriverSourceError(f"{place}: {_spelled(error)}", hint=_exception_hint(error)) from error


def _place(error: BaseException, file: str) -> str:
    """``file:line`` of the innermost frame that is no library's; "" if there is none."""
    frames = [f for f in traceback.extract_tb(error.__traceback__) if not f.filename.startswith("<")]
    users = [f for f in frames if not f.filename.startswith(OWN) or f.filename.startswith(OWN_DRIVERS)]
    nearest = [f for f in users if f.filename == file or not f.filename.startswith(LIBRARIES)] or users
    if nearest:
        return f"{_shown(nearest[-1].filename)}:{nearest[-1].lineno}"
    return _shown(file) if file else ""


def _checked(cls: type[Operations]) -> type[Operations]:
    """Refuses annotations that cannot be evaluated; names that do not exist are refused later, with more to say."""
    from blkmq.compiler.frontend.source import class_node

    config = inspect.get_annotations(cls).get("config")
    if isinstance(config, str):
        config = vars(sys.modules[cls.__module__]).get(config)
    for one in (cls, cls.Pdu, cls.Hw, cls.Shared, config):
        if not isinstance(one, type):
            continue
        try:
            get_type_hints(one, include_extras=True)
        except NameError:
            continue
        except Exception as error:
            found = class_node(one)
            place = f"{_shown(found[1])}:{found[0].lineno}: " if found else ""
            text = f"{place}an annotation of {one.__name__} cannot be evaluated: {_spelled(error)}"
            raise DriverSourceError(text, hint="u8 … u64, s8 … s64, bool, enums and nouns come from blkmq") from error
    return cls


def _shown(file: str) -> str:
    from blkmq.compiler.frontend.source import shown

    return shown(file)


def _spelled(error: BaseException) -> str:
    return f"{type(error).__name__}: {error}" if str(error) else type(error).__name__


def _exception_hint(error: Exception) -> str:
    if isinstance(error, ModuleNotFoundError) and error.name:
        return f"install {error.name.partition('.')[0]} for {sys.executable}, or put it beside the file"
    if isinstance(error, NameError) and error.name:
        import blkmq

        near = difflib.get_close_matches(error.name, blkmq.__all__, n=3, cutoff=0.6)
        if error.name in blkmq.__all__:
            return f"import {error.name} from blkmq"
        if near:
            return f"did you mean {' or '.join(near)}?"
    wanted = re.match(r"cannot import name '(\w+)' from 'blkmq'", str(error))
    if wanted:
        import blkmq

        near = difflib.get_close_matches(wanted[1], blkmq.__all__, n=3, cutoff=0.5)
        return f"did you mean {' or '.join(near)}?" if near else "`blkmq.__all__` has the names"
    if isinstance(error, ImportError) and "relative import" in str(error):
        return "a file given by its path is in no package: import what lies beside it by its plain name"
    return "BLKMQ_DEBUG=1 shows the whole traceback"


def _is_driver(value: object) -> TypeGuard[type[Operations]]:
    return isinstance(value, type) and issubclass(value, Operations) and value is not Operations


__all__ = ["DriverSourceError", "NamedDriver", "load_driver", "named_drivers", "new_driver"]
