# SPDX-License-Identifier: MIT
"""Printed texts as machine code: each is compiled once by Numba, kept, and found again afterwards."""

from __future__ import annotations

import ctypes
import threading
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from blkmq.compiler.numba.apart import group_text
from blkmq.compiler.numba.builder import BUILDER
from blkmq.native.cache import CODE, directory_of, kept
from blkmq.native.hot import APART, APART_ARGUMENTS, Apart

if TYPE_CHECKING:
    from blkmq.compiler.numba.code import Code

APART_TYPE = ctypes.CFUNCTYPE(*[ctypes.c_int64] * (2 + APART_ARGUMENTS))  # the result, the number, the words

_compiling = threading.RLock()
_loading = threading.RLock()
_loaded: dict[Path, Code] = {}
_late: dict[str, Any] = {}  #: what the cells of files hold that are not loaded


def is_compiled(text: str) -> bool:
    """Whether the disk cache has the machine code of a text."""
    return (directory_of(text) / CODE).exists()


def begin_code(name: str, text: str, nice: bool = False) -> None:
    """Has another process compile a text, unless that is done; ``nice``: while nobody waits for it."""
    if not is_compiled(text):
        BUILDER.begin(kept(name, text), nice)


def is_being_compiled(name: str, text: str) -> bool:
    """Whether another process is at it."""
    return not is_compiled(text) and BUILDER.is_at(kept(name, text))


def wait_for_code(name: str, text: str) -> None:
    """Until no other process is at a text."""
    BUILDER.wait(kept(name, text))


def load_code(name: str, text: str) -> Code:
    """The machine code of a printed text, which is compiled once on a machine.  Any thread."""
    from blkmq.compiler.numba.code import make_code, unpack  # which need LLVM

    path = directory_of(text) / CODE
    if path not in _loaded and not path.exists():
        source = kept(name, text)
        BUILDER.begin(source)
        BUILDER.wait(source)
        with _compiling:
            if not path.exists():
                make_code(source)
    with _loading:
        if path not in _loaded:
            code = unpack(path.read_bytes())
            for file in code.calls:
                _bind(APART[file])
            _loaded[path] = code
    return _loaded[path]


@cache
def apart_text(file: str) -> tuple[str, str]:
    """The name and text of what is compiled apart of a file, named as a module."""
    return file.rpartition(".")[2], group_text(APART[file])


def load_apart(file: str) -> Code:
    """What is compiled apart of a file, named as a module; its cell leads there from now on.  Any thread."""
    code = load_code(*apart_text(file))
    APART[file].cell.value = code.addresses["entry"]
    return code


def _bind(group: Apart) -> None:
    """Lets a cell lead to where its file is loaded, by whatever calls it first, unless it is."""
    if not group.cell.value:
        _late[group.module] = APART_TYPE(lambda *words: APART_TYPE(load_apart(group.module).addresses["entry"])(*words))
        group.cell.value = ctypes.cast(_late[group.module], ctypes.c_void_p).value or 0
