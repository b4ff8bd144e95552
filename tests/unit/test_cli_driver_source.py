# SPDX-License-Identifier: MIT
"""load_driver: names, files, and everything that can be wrong with them."""

from __future__ import annotations

import dataclasses
import inspect
import os
import sys
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import Any

import pytest

from blkmq.device import driver_source
from blkmq.device.driver_source import DriverSourceError, load_driver, named_drivers, new_driver
from blkmq.drivers.ramdisk import RamDisk
from tests.cli_runs import GOOD, complaint, shared_cache, surroundings

__all__ = ["shared_cache", "surroundings"]

HEAD = "from blkmq import *\n"
CLASS = "class {}(Operations):\n    def queue_rq(self, hctx, rq, is_last): pass\n"

#: Name of a case: text of driver.py, what the error begins with, what the hint has.
BROKEN = {
    "empty": ("", "driver.py defines no driver", "a driver is `class MyDisk(blkmq.Operations):`"),
    "two": (
        HEAD + CLASS.format("A") + CLASS.format("B"),
        "driver.py defines 2 drivers: A, B",
        "driver.py:A or driver.py:B",
    ),
    "imported": ("from good import Good", "driver.py defines no driver", "driver.py:Good"),
    "not-derived": ("class D:\n    def queue_rq(self): pass", "driver.py defines no", "`class D(blkmq.Operations):`"),
    "syntax": ("\n\nx = [", "driver.py:3: '[' was never closed: `x = [`", "cannot read this line"),
    "indent": ("def f():\npass", "driver.py:2: expected an indented block", "cannot read this line"),
    "null": ("a\0b", "driver.py:1: source code string cannot contain null bytes", "cannot read"),
    "raises": ("def f():\n    1 / 0\nf()", "driver.py:2: ZeroDivisionError: division by zero", "BLKMQ_DEBUG=1"),
    "library-raises": ("import json\njson.loads('')", "driver.py:2: JSONDecodeError", "BLKMQ_DEBUG=1"),
    "exits": ("import sys\nsys.exit(0)", "driver.py:2: the file ends the program", '`if __name__ == "__main__":`'),
    "no-module": (
        "import nothing_of_this_name",
        "driver.py:1: ModuleNotFoundError",
        "install nothing_of_this_name for",
    ),
    "no-name": ("from blkmq import Operation", "driver.py:1: ImportError", "did you mean Operations?"),
    "relative": ("from . import good", "driver.py:1: ImportError", "by its plain name"),
    "beside-raises": ("import beside", "beside.py:1: NameError: name 'x' is not defined", "BLKMQ_DEBUG=1"),
    "beside-syntax": ("import crooked", "crooked.py:1: '(' was never closed", "cannot read this line"),
    "blkmq-error": (
        "from blkmq.drivers.ramdisk import RamDisk\nRamDisk(sizes=3)",
        "driver.py:2: sizes = 3: RamDisk has no such attribute",
        "did you mean size",
    ),
    "annotation": (
        "from __future__ import annotations\nimport blkmq\nclass D(blkmq.Operations):\n    n: blkmq.u31\n",
        "driver.py:3: an annotation of D cannot be evaluated: AttributeError",
        "come from blkmq",
    ),
}


@pytest.mark.parametrize("case", BROKEN)
def test_a_broken_file_is_an_error_with_its_line(case: str) -> None:
    text, error, hint = BROKEN[case]
    Path("driver.py").write_text(text)
    Path("beside.py").write_text("x\n")
    Path("crooked.py").write_text("(\n")
    modules, path = set(sys.modules), list(sys.path)
    with pytest.raises(DriverSourceError) as caught:
        load_driver("driver.py")
    assert caught.value.text.startswith(error)
    assert hint in caught.value.hint
    assert sys.path == path
    if not error.startswith("driver.py defines") and case != "annotation":
        assert not [name for name in set(sys.modules) - modules if name.startswith("blkmq_file_")]


@pytest.mark.parametrize("case", BROKEN)
def test_a_broken_file_is_wrong_usage(case: str) -> None:
    text, error, _ = BROKEN[case]
    Path("driver.py").write_text(text)
    Path("beside.py").write_text("x\n")
    Path("crooked.py").write_text("(\n")
    assert complaint("check", "driver.py", code=2).startswith(f"error: {error}")


@pytest.mark.parametrize(
    ("text", "error", "hint"),
    [
        ("ramdsk", "no driver 'ramdsk' is installed", "did you mean ramdisk?"),
        ("zzz", "no driver 'zzz' is installed", "ramdisk"),
        ("mode=1", "no driver 'mode=1' is installed", "DRIVER comes first"),
        ("good", "no driver 'good' is installed", "needs its .py: good.py"),
        ("folder", "no driver 'folder' is installed", "there is a directory of this name"),
        ("", "no driver '' is installed", "installed:"),
        ("god.py", "god.py: no such file", "did you mean good.py?"),
        ("folder/x.py", "folder/x.py: no such file", "a name that `blkmq drivers` lists"),
        ("nowhere/x.py", "nowhere/x.py: no such file", "a name that `blkmq drivers` lists"),
        ("./folder", "folder is a directory", "folder/one.py"),
        ("/dev/null", "/dev/null is no Python file", "ends in .py"),
        ("loop.py", "loop.py: cannot be read: Too many levels of symbolic links", "permissions"),
        ("nul\0.py", "nul\0.py: cannot be read", ""),
        ("good.py:Goo", "good.py has no class Goo", "did you mean Good?"),
        ("good.py:Zzz", "good.py has no class Zzz", "drivers there: Good"),
        ("good.py:GoodConfig", "good.py: GoodConfig is no subclass", "a driver is"),
        ("good.py:Operations", "good.py: Operations is no subclass", "a driver is"),
    ],
)
def test_a_wrong_name(text: str, error: str, hint: str) -> None:
    Path("folder").mkdir()
    Path("folder/one.py").write_text(GOOD)
    Path("loop.py").symlink_to("loop.py")
    with pytest.raises(DriverSourceError) as caught:
        load_driver(text)
    assert caught.value.text.startswith(error)
    assert hint in caught.value.hint


def test_a_file_that_may_not_be_read(monkeypatch: pytest.MonkeyPatch) -> None:
    def forbidden(path: Path) -> bytes:
        raise PermissionError(13, os.strerror(13), str(path))

    monkeypatch.setattr(Path, "read_bytes", forbidden)  # root may read anything
    with pytest.raises(DriverSourceError, match=r"good\.py: cannot be read: Permission denied"):
        load_driver("good.py")


def test_a_name_is_an_entry_point() -> None:
    assert load_driver("ramdisk") is RamDisk
    assert {"null_blk", "ramdisk"} <= {named.name for named in named_drivers()}
    assert all(named.distribution.startswith("blkmq ") for named in named_drivers() if named.name == "ramdisk")


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("nowhere.to_be:Found", "ModuleNotFoundError"),
        ("blkmq.drivers.ramdisk:Nothing", "AttributeError"),
        ("blkmq.drivers.ramdisk:RamDiskConfig", "is no subclass of blkmq.Operations"),
    ],
)
def test_a_broken_entry_point(value: str, text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    broken = EntryPoint("broken", value, driver_source.GROUP)
    monkeypatch.setattr(driver_source, "entry_points", lambda group: [broken])
    with pytest.raises(DriverSourceError) as caught:
        load_driver("broken")
    assert caught.value.text.startswith(f"driver broken: entry point {value}")
    assert text in caught.value.text


def test_a_file_is_a_module_of_its_own() -> None:
    driver = load_driver("good.py")
    assert driver.__name__ == "Good"
    assert sys.modules[driver.__module__].__file__ == str(Path("good.py").absolute())
    assert inspect.getsource(driver.queue_rq).startswith("    def queue_rq")  # type: ignore[attr-defined]
    assert dataclasses.is_dataclass(new_driver(driver, {}).config)
    assert not Path("__pycache__").exists()


def test_the_same_file_is_the_same_class_until_it_changes() -> None:
    first = load_driver("good.py")
    assert load_driver(str(Path("good.py").absolute())) is first
    assert load_driver("good.py:Good") is first
    Path("good.py").write_text(GOOD + "\n# changed\n")
    second = load_driver("good.py")
    assert second is not first
    assert inspect.getsource(sys.modules[second.__module__]).endswith("# changed\n")
    Path("copy.py").write_text(GOOD)
    assert load_driver("copy.py") is not first


def test_a_class_is_chosen_by_name_even_an_imported_one() -> None:
    Path("driver.py").write_text(HEAD + "from good import Good as G\n" + CLASS.format("A") + CLASS.format("B"))
    assert load_driver("driver.py:B").__name__ == "B"
    assert load_driver("driver.py:G").__name__ == "Good"


def test_a_colon_in_a_files_name() -> None:
    Path("a:b.py").write_text(GOOD)
    Path("a.py:Good").mkdir()
    assert load_driver("a:b.py").__name__ == "Good"
    assert load_driver("a:b.py:Good").__name__ == "Good"


def test_what_lies_beside_a_file_hides_nothing() -> None:
    Path("json.py").write_text("raise RuntimeError('the wrong json')")
    Path("driver.py").write_text("import json\njson.loads('1')\n" + HEAD + CLASS.format("A"))
    assert load_driver("driver.py").__name__ == "A"


def test_an_exception_of_the_drivers_own_check() -> None:
    with pytest.raises(DriverSourceError, match=r"^good\.py:18: ValueError: not this one"):
        new_driver(load_driver("good.py"), {"blocksize": 1024})


def test_an_exception_of_ours_stays_what_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*arguments: Any) -> None:
        int("x")

    broken.__code__ = broken.__code__.replace(co_filename=driver_source.__file__)
    monkeypatch.setattr("blkmq.mq.configuration.configuration_of", broken)
    with pytest.raises(ValueError, match="invalid literal"):
        new_driver(RamDisk, {})
