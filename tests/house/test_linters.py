# SPDX-License-Identifier: MIT
"""The house rules: what the tools check, and what only we do."""

from __future__ import annotations

import ast
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SOURCES = sorted(
    path
    for top in ("src", "tests", "examples", "docs", ".ci")
    for path in (ROOT / top).rglob("*")
    if path.suffix in {".py", ".c", ".h", ".S", ".toml", ".sh"} or path.parent.name == ".ci"
)
LICENCES = {path.stem for path in (ROOT / "LICENSES").iterdir()}
SRC_MAX_LINES = 500
DRIVER_IMPORTS = {"blkmq", "dataclasses", "enum", "__future__"}

TOOLS = {
    "ruff": ["ruff", "check"],
    "format": ["ruff", "format", "--check"],
    "mypy": ["mypy"],
    "pyright": ["pyright", "--pythonpath", sys.executable],
    "layers": ["lint-imports"],
    "spelling": ["codespell"],
    "docs": ["sphinx-build", "-q", "-W", "--keep-going", "docs", "build/docs"],
}


@pytest.mark.slow
@pytest.mark.parametrize("command", TOOLS.values(), ids=TOOLS)
def test_tool_has_nothing_to_say(command: list[str]) -> None:
    run = subprocess.run(
        [Path(sys.executable).with_name(command[0]), *command[1:]],
        cwd=ROOT,
        env=os.environ | {"PYRIGHT_PYTHON_IGNORE_WARNINGS": "1"},  # it would look for a newer version
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    if run.returncode:
        pytest.fail(f"{' '.join(command)}\n{run.stdout}", pytrace=False)


def test_each_source_file_names_a_licence_that_we_ship() -> None:
    for path in SOURCES:
        head = "".join(path.read_text().splitlines(keepends=True)[:3])
        licences = re.findall(r"SPDX-License-Identifier: (\S+)", head)
        assert licences, f"{path.relative_to(ROOT)} has no SPDX-License-Identifier in its first lines"
        assert LICENCES.issuperset(licences), f"{path.relative_to(ROOT)}: {licences} not in LICENSES/"


def test_no_source_file_is_long() -> None:
    for path in SOURCES:
        if path.is_relative_to(ROOT / "src"):
            lines = len(path.read_text().splitlines())
            assert lines <= SRC_MAX_LINES, f"{path.relative_to(ROOT)} has {lines} lines: split it"


def test_the_front_door_and_the_drivers_load_without_numba() -> None:
    program = "import sys, blkmq.drivers.null_blk, blkmq.drivers.ramdisk; assert 'numba' not in sys.modules"
    subprocess.run([sys.executable, "-c", program], check=True)


def test_drivers_import_only_what_every_target_has() -> None:
    for path in (ROOT / "src/blkmq/drivers").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            match node:
                case ast.Import(names=names):
                    modules = [alias.name for alias in names]
                case ast.ImportFrom(module=str(module), level=0):
                    modules = [module]
                case _:
                    continue
            foreign = {module.partition(".")[0] for module in modules} - DRIVER_IMPORTS
            assert not foreign, f"{path.relative_to(ROOT)}:{node.lineno} imports {foreign}"
