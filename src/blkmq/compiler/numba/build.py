# SPDX-License-Identifier: MIT
"""Printed modules on disk: written once for each text, compiled once by Numba, found again afterwards."""

from __future__ import annotations

import hashlib
import importlib.util
import os
import sys
import tempfile
from functools import cache
from importlib.metadata import version
from pathlib import Path
from types import ModuleType

from blkmq.compiler.numba.printer import print_numba
from blkmq.compiler.program import Program
from blkmq.native.cache import cache_directory

#: Packages whose source ends up, inlined, in what Numba compiles.
INLINED = ("abi", "mq", "native", "dispatch", "transport", "compiler/numba/printed.py")


@cache
def runtime_digest() -> bytes:
    """A hash of everything that compiled text is made of, besides itself."""
    package = Path(__file__).parents[2]
    digest = hashlib.sha256(f"{version('numba')} {version('llvmlite')} {sys.version}".encode())
    for name in INLINED:
        path = package / name
        for file in sorted(path.rglob("*.py")) if path.is_dir() else [path]:
            digest.update(file.read_bytes())
    return digest.digest()


def _key(text: str) -> str:
    return hashlib.sha256(runtime_digest() + text.encode()).hexdigest()[:32]


def is_compiled(text: str) -> bool:
    """Whether the disk cache has the machine code of a text, as far as can be seen without Numba."""
    return any((cache_directory() / "numba" / _key(text)).glob("__pycache__/*.nbc"))


def load_module(name: str, text: str) -> ModuleType:
    """Imports a printed text as a module; the same text is compiled once on a machine."""
    key = _key(text)
    full_name = f"blkmq_printed_{key}_{name}"
    if full_name in sys.modules:
        return sys.modules[full_name]
    directory = cache_directory() / "numba" / key
    path = directory / f"{name}.py"
    if not path.exists():
        directory.mkdir(parents=True, exist_ok=True)
        # Complete or absent: another process may look at the same time.
        handle, temporary = tempfile.mkstemp(dir=directory, suffix=".tmp")
        with os.fdopen(handle, "w") as file:
            file.write(text)
        os.replace(temporary, path)
    spec = importlib.util.spec_from_file_location(full_name, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[full_name] = module
    try:
        spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[full_name]
        raise
    return module


def build_numba(program: Program) -> ModuleType:
    """The printed program as a module: ``entry.address``, and its records by name."""
    return load_module(program.snake_name, print_numba(program))
