# SPDX-License-Identifier: MIT
"""Source texts as modules."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

from blkmq.mq.operations import Operations


@dataclass(frozen=True)
class Module:
    """Two source texts; the driver's imports the aids'."""

    seed: int
    number: int
    driver: str
    aids: str

    @property
    def name(self) -> str:
        return f"stage_{self.seed}_{self.number}"

    @property
    def aids_name(self) -> str:
        return f"aids_{self.seed}_{self.number}"


@contextmanager
def loaded(module: Module, directory: Path) -> Iterator[type[Operations]]:
    """The module's driver class, from files that are there meanwhile."""
    names = {module.aids_name: module.aids, module.name: module.driver}
    try:
        made = [_load(name, directory / f"{name}.py", text) for name, text in names.items()]
        yield made[-1].Stage
    finally:
        for name in names:
            sys.modules.pop(name, None)


def _load(name: str, path: Path, text: str) -> ModuleType:
    path.write_text(text)
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    sys.dont_write_bytecode, before = True, sys.dont_write_bytecode
    try:
        spec.loader.exec_module(module)
    finally:
        sys.dont_write_bytecode = before
    return module
