# SPDX-License-Identifier: MIT
"""Printed modules on disk: written once for each text, compiled once by Numba, found again afterwards."""

from __future__ import annotations

import gc
import importlib.util
import sys
import threading
from pathlib import Path
from types import ModuleType

from blkmq.compiler.numba.printer import print_numba
from blkmq.compiler.program import Program
from blkmq.native.cache import directory_of, kept

_loading = threading.RLock()


def is_compiled(text: str) -> bool:
    """Whether the disk cache has the machine code of a text, as far as can be seen without Numba."""
    return any(directory_of(text).glob("__pycache__/*.nbc"))


def load_module(name: str, text: str) -> ModuleType:
    """Imports a printed text as a module; the same text is compiled once on a machine.  Any thread."""
    path = kept(name, text)
    full_name = f"blkmq_printed_{path.parent.name}_{name}"
    with _loading:
        if full_name not in sys.modules:
            _import(full_name, path)
    return sys.modules[full_name]


def _import(full_name: str, path: Path) -> None:
    spec = importlib.util.spec_from_file_location(full_name, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[full_name] = module
    collects = gc.isenabled()
    gc.disable()  # the compiler's objects live until it is done: looking for garbage takes a tenth of its time
    try:
        spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[full_name]
        raise
    finally:
        if collects:
            gc.enable()


def build_numba(program: Program) -> ModuleType:
    """The printed program as a module: ``entry.address``, and its records by name."""
    return load_module(program.snake_name, print_numba(program))
