# SPDX-License-Identifier: MIT
"""What the README and the tutorial show, runs."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import blkmq
from blkmq.device.driver_source import load_driver
from blkmq.drivers import ramdisk
from blkmq.mq.verb import verb_of
from tests.targets import served

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text()
TUTORIAL = (ROOT / "docs/tutorial/quick_start.md").read_text()
DRIVER, USE = re.findall(r"```python\n(.*?)```", README, re.DOTALL)


def python(code: str, directory: Path) -> str:
    done = subprocess.run([sys.executable, "-c", code], cwd=directory, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.slow
def test_the_tutorials_commands_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    if shutil.which("fio") is None:
        pytest.skip("fio is not installed: apt install fio")
    runtime = tmp_path / "run"
    monkeypatch.setenv("BLKMQ_RUNTIME_DIR", str(runtime))
    (tmp_path / "mydisk.py").write_text(Path(ramdisk.__file__).read_text().replace("class RamDisk(", "class MyDisk("))
    section = TUTORIAL.partition("## Put programs on it")[2].partition("## ")[0]
    lines = re.findall(r"^\$ (.*)$", section, re.MULTILINE)
    assert [line.split()[0] for line in lines] == ["blkmq", "fio", "blkmq", "blkmq"]
    for line in lines:
        program, *words = line.replace("/run/user/1000/blkmq", str(runtime)).split()
        command = [str(Path(sys.executable).with_name("blkmq")) if program == "blkmq" else program, *words]
        done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.slow
def test_the_readmes_driver_and_its_use_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BLKMQ_RUNTIME_DIR", str(tmp_path / "run"))
    (tmp_path / "slow_ram.py").write_text(DRIVER)
    told = python(USE, tmp_path)
    assert told.startswith("b'Hello'\n262144\n")
    assert "nr_errors': 0" in told
    for line in re.findall(r"^\$ .venv/bin/blkmq (.*?)(?:  +#.*)?$", README, re.MULTILINE):
        if line.startswith(("build", "lab", "compare")):
            continue  # they need a kernel: tests/kernel/test_module.py
        words = [*line.split(), *(["--requests", "500", "--rounds", "1"] if line.startswith("bench") else [])]
        command = [str(Path(sys.executable).with_name("blkmq")), *words]
        done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
        assert (done.returncode, done.stderr) == (0, ""), line


@pytest.mark.slow
@pytest.mark.parametrize("target", ["interpreted", "c"])  # host: slow to compile anew
def test_the_readmes_driver_keeps_data_at_any_block_size(target: str, tmp_path: Path) -> None:
    path = tmp_path / "slow_ram_512.py"
    path.write_text(DRIVER.replace("limits.logical_block_size = 4096 ", "limits.logical_block_size = 512 "))
    data = bytes(range(256)) * 60
    with served(load_driver(str(path))(size=1, completion_nsec=0), target) as disk:
        disk.write(3584, data)
        assert disk.read(3072, len(data) + 1024) == bytes(512) + data + bytes(512)
        assert disk.reports() == []


def test_what_the_readme_says_of_values() -> None:
    named = set(re.findall(r"`(?:limits\.|tag_set\.)?(\w+)", README.partition("In short:")[2].partition("## ")[0]))
    fields = {*blkmq.QueueLimits.__annotations__, *blkmq.TagSet.__annotations__}
    for name in named & {name for name in named if name.startswith(("max_", "timeout_"))}:
        assert name in fields
    for name in named & {name for name in named if name[0].isupper()} - {"Pdu", "Hw"}:
        known = {*blkmq.__all__, *blkmq.BlkStatus.__members__, "Annotated", "IntEnum"}
        assert name in known, name


@pytest.mark.slow
def test_the_tutorials_snippets_run(tmp_path: Path) -> None:
    use, later = re.findall(r"```python\n(.*?)```", TUTORIAL, re.DOTALL)
    text = Path(ramdisk.__file__).read_text().replace("class RamDisk(", "class MyDisk(")
    (tmp_path / "mydisk.py").write_text(text)
    assert "nr_errors': 0" in python(use, tmp_path)
    methods = "".join(f"    {line}" if line.strip() else line for line in later.splitlines(keepends=True))
    methods = methods.replace("self.transfer(rq)", "self.transfer(rq, rq.op == ReqOp.WRITE)")
    text = text.replace("BlkStatus, Errno,", "BlkStatus, Errno, HrTimer,")
    text = text.replace("    blocksize: u32", "    completion_nsec: u64 = 100\n    blocksize: u32")
    (tmp_path / "mydisk.py").write_text(text.rstrip("\n") + "\n\n" + methods)
    assert "nr_errors': 0" in python(use.replace("    disk.discard(0, 4096)\n", ""), tmp_path)


def test_the_readme_names_all_that_a_driver_can_call() -> None:
    table = README.partition("What a driver has to work with")[2].partition("## ")[0]
    named = set(re.findall(r"`(\w+)\(", table))
    verbs = {
        name
        for noun in set(re.findall(r"`([A-Z]\w+)`", table)) | {"GenDisk"}
        for name, value in vars(getattr(blkmq, noun)).items()
        if verb_of(value) and not name.startswith("__")
    }
    assert verbs - named == set()
    assert named - verbs == {"ktime_get_ns", "segments", "len"}
    classes = {name: cls for name in blkmq.__all__ if isinstance(cls := getattr(blkmq, name), type)}
    nouns = {name for name, cls in classes.items() if any(map(verb_of, vars(cls).values()))}
    assert nouns - set(re.findall(r"`([A-Z]\w+)`", table)) == {"GenDisk"}
