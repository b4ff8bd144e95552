# SPDX-License-Identifier: MIT
"""Printed modules on disk: written once for each text, compiled once by Numba, found again afterwards."""

from __future__ import annotations

import hashlib
import importlib.util
import os
import sys
import tempfile
import threading
from functools import cache
from importlib.metadata import version
from pathlib import Path
from types import ModuleType

from blkmq.compiler.numba.printer import print_numba
from blkmq.compiler.program import Program
from blkmq.native.cache import cache_directory

#: Packages whose source ends up, inlined, in what Numba compiles.
INLINED = (
    "abi", "mq", "native", "dispatch", "transport", "compiler/numba/printed.py", "compiler/numba/apart.py",
)  # fmt: skip


_loading = threading.RLock()


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
    """Imports a printed text as a module; the same text is compiled once on a machine.  Any thread."""
    key = _key(text)
    full_name = f"blkmq_printed_{key}_{name}"
    with _loading:
        if full_name not in sys.modules:
            _import(full_name, _written(cache_directory() / "numba" / key / f"{name}.py", text))
    return sys.modules[full_name]


def _written(path: Path, text: str) -> Path:
    """The file of a text."""
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        # Complete or absent: another process may look at the same time.
        handle, temporary = tempfile.mkstemp(dir=path.parent, suffix=".tmp")
        with os.fdopen(handle, "w") as file:
            file.write(text)
        os.replace(temporary, path)
    return path


def _import(full_name: str, path: Path) -> None:
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


def build_numba(program: Program) -> ModuleType:
    """The printed program as a module: ``entry.address``, and its records by name."""
    return load_module(program.snake_name, print_numba(program))
