# SPDX-License-Identifier: MIT
"""Drivers for the compiler's tests: written to a file and loaded from it, as a user's are."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from blkmq import Operations

LoadDriver = Callable[[str | Path], type[Operations]]


@pytest.fixture
def load_driver(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> LoadDriver:
    """Loads a module, given by its path or as the text of a new driver.py; returns its driver.

    That is its class Driver, or the last class that has a queue_rq.  Messages call the new file driver.py.
    """

    def load(source: str | Path) -> type[Operations]:
        if isinstance(source, str):
            monkeypatch.chdir(tmp_path)
            text, source = source, tmp_path / "driver.py"
            source.write_text(text)
        name = f"loaded_{source.stem}"
        spec = importlib.util.spec_from_file_location(name, source)
        assert spec is not None
        assert spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        monkeypatch.setitem(sys.modules, name, module)
        spec.loader.exec_module(module)
        own = [c for c in vars(module).values() if isinstance(c, type) and c.__module__ == name]
        drivers = [c for c in own if issubclass(c, Operations) and (c.__name__ == "Driver" or hasattr(c, "queue_rq"))]
        return drivers[-1]

    return load
