# SPDX-License-Identifier: MIT
"""Devices as processes: through real processes, from the command line."""

from __future__ import annotations

import json
import os
import re
import select
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from blkmq.abi import nbd
from blkmq.device.device_directory import CONTROL, LOCK, RECORD, DeviceDirectory
from blkmq.device.runtime_directory import DeviceError, DeviceRecord, RuntimeDirectory
from blkmq.mq.errors import ConfigError
from tests import without_io_uring
from tests.cli_runs import command, shared_cache, surroundings
from tests.file_ways import WAYS, must_have_rings
from tests.transport.nbd_client import NbdClient

__all__ = ["shared_cache", "surroundings"]

INTERPRETED = ("--target", "interpreted")
WITHOUT_IO_URING = without_io_uring.__file__


@pytest.fixture
def runtime(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[RuntimeDirectory]:
    """A runtime directory of its own; what the test leaves in service is killed."""
    path = tmp_path / "run"
    monkeypatch.setenv("BLKMQ_RUNTIME_DIR", str(path))
    directory = RuntimeDirectory(path)
    yield directory
    if path.exists():
        for found in directory.devices():
            if found.record is not None:
                directory.stop(found.record, signal_number=signal.SIGKILL)


def run(*words: str | Path, code: int = 0) -> subprocess.CompletedProcess[str]:
    result = subprocess.run(
        command(*words), stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False, timeout=120
    )
    assert result.returncode == code, result.stdout + result.stderr
    assert "Traceback" not in result.stderr
    return result


def document(*words: str | Path, code: int = 0) -> Any:
    return json.loads(run(*words, "--json", code=code).stdout)


def names() -> list[str]:
    return [one["name"] for one in document("list")["devices"]]


def is_running(pid: int) -> bool:
    """Whether a process lives; one that nobody has waited for does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2][0] != "Z"
    except FileNotFoundError:
        return False


def test_a_device_lives_from_add_to_del(runtime: RuntimeDirectory) -> None:
    added = document("add", "ramdisk", "size=2", *INTERPRETED)
    assert added["name"] == "ram_disk0"
    assert added["attributes"] == {"size": "2"}
    (uri,) = added["uris"]
    with NbdClient(uri) as client:
        client.write(0, b"x" * 512)
        assert client.read(0, 512) == b"x" * 512
        assert client.info.size == 2 << 20
        shown = document("show", "ram_disk0")
        assert shown["pid"] == added["pid"]
        assert shown["attributes"] == {"size": 2, "blocksize": 512}
        assert shown["counters"]["nr_commands"] == 2
        assert shown["counters"]["nr_connections"] == 1
    assert names() == ["ram_disk0"]
    assert "serves" in run("logs", "ram_disk0").stdout
    run("del", "ram_disk0")
    assert names() == []
    assert list(runtime.path.iterdir()) == []
    assert not is_running(added["pid"])


def test_plain_output_has_name_process_and_uris(runtime: RuntimeDirectory) -> None:
    lines = run("add", "null_blk", "size=1", "nr_devices=2", "--name", "pair", *INTERPRETED).stdout.splitlines()
    assert lines[0].startswith("pair  pid ")
    assert [line.partition("?")[0] for line in lines[1:]] == ["nbd+unix:///", "nbd+unix:///null_blk1"]
    assert "pair" in run("list").stdout
    assert "null_blk1" in run("show", "pair").stdout


def test_null_blk_takes_the_parameters_of_its_c_module(runtime: RuntimeDirectory) -> None:
    added = document("add", "null_blk", "gb=2", "bs=4096", "nr_devices=2", *INTERPRETED)
    attributes = document("show", added["name"])["attributes"]
    assert (attributes["size"], attributes["blocksize"]) == (2048, 4096)
    assert len(added["uris"]) == 2
    assert "gb = 'x': is no number" in run("add", "null_blk", "gb=x", *INTERPRETED, code=2).stderr
    assert "no such attribute" in run("add", "ramdisk", "gb=1", *INTERPRETED, code=2).stderr


def test_each_device_has_a_number_and_a_name_is_had_once(runtime: RuntimeDirectory) -> None:
    assert [document("add", "ramdisk", *INTERPRETED)["name"] for _ in range(2)] == ["ram_disk0", "ram_disk1"]
    assert "is there already" in run("add", "ramdisk", "--name", "ram_disk0", *INTERPRETED, code=1).stderr
    assert names() == ["ram_disk0", "ram_disk1"]


def test_of_two_that_want_a_name_at_once_one_gets_it(runtime: RuntimeDirectory) -> None:
    racers = [
        subprocess.Popen(
            command("add", "ramdisk", "--name", "one", *INTERPRETED),
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )
        for _ in range(3)
    ]  # fmt: skip
    said = [racer.communicate(timeout=120) for racer in racers]
    assert sorted(racer.returncode for racer in racers) == [0, 1, 1]
    assert sum("is there already" in errors for _, errors in said) == 2
    assert names() == ["one"]


def test_sigterm_in_the_foreground_drains_and_ends_with_0(runtime: RuntimeDirectory) -> None:
    process = subprocess.Popen(
        command("add", "ramdisk", "--foreground", "--json", *INTERPRETED),
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert process.stdout is not None
    text = ""
    while not text.endswith("}\n"):
        line = process.stdout.readline()
        assert line, process.communicate()
        text += line
    record = json.loads(text)
    assert record["pid"] == process.pid
    with NbdClient(record["uris"][0]) as client:
        client.write(0, b"x" * 512)
        process.send_signal(signal.SIGTERM)
        assert client.is_closed()
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 0
    assert "ends: SIGTERM" in errors
    assert names() == []


def test_what_a_killed_process_leaves_is_removed(runtime: RuntimeDirectory) -> None:
    added = document("add", "ramdisk", *INTERPRETED)
    with NbdClient(added["uris"][0]) as client:
        for block in range(64):
            client.send(nbd.NBD_CMD_WRITE, block * 4096, data=bytes(4096))
        fd = os.pidfd_open(added["pid"])
        os.kill(added["pid"], signal.SIGKILL)
        with pytest.raises((EOFError, ConnectionError)):
            client.take(1 << 20)
    select.select([fd], [], [])
    os.close(fd)
    told = run("list").stderr
    assert re.fullmatch(
        rf"note: ram_disk0 died \(process {added['pid']}\), and what it left is removed; its log ends with: .+\n", told
    )
    assert names() == []
    assert list(runtime.path.iterdir()) == []
    assert run("list").stderr == ""
    assert document("add", "ramdisk", *INTERPRETED)["name"] == "ram_disk0"


def test_who_asks_for_a_dead_device_is_told_so(runtime: RuntimeDirectory) -> None:
    added = document("add", "ramdisk", *INTERPRETED)
    fd = os.pidfd_open(added["pid"])
    os.kill(added["pid"], signal.SIGKILL)
    select.select([fd], [], [])
    os.close(fd)
    assert "error: ram_disk0 died" in run("logs", "ram_disk0", code=1).stderr


def test_a_device_that_is_removed_at_once_has_not_died(runtime: RuntimeDirectory) -> None:
    document("add", "ramdisk", *INTERPRETED)
    assert run("del", "--kill", "ram_disk0").stderr == ""


def test_a_unit_is_told_when_clients_can_come(
    runtime: RuntimeDirectory, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(str(tmp_path / "notify"))
        manager.settimeout(60)
        monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "notify"))
        document("add", "ramdisk", *INTERPRETED)
        assert manager.recv(100) == b"READY=1"


def test_clean_leaves_nothing(runtime: RuntimeDirectory, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cache = tmp_path / "cache"
    monkeypatch.setenv("BLKMQ_CACHE_DIR", str(cache))
    pids = [document("add", "ramdisk", *INTERPRETED)["pid"] for _ in range(2)]
    run("clean")
    assert not runtime.path.exists()
    assert not cache.exists()
    assert not any(map(is_running, pids))


def test_clean_leaves_what_others_made(
    runtime: RuntimeDirectory, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Above all what a link in its directories leads to."""
    precious, cache = tmp_path / "precious", tmp_path / "cache"
    (precious / "below").mkdir(parents=True)
    (precious / "below" / "file").write_text("keep")
    for name in (LOCK, RECORD, "log"):
        (precious / name).write_text("keep")
    monkeypatch.setenv("BLKMQ_CACHE_DIR", str(cache))
    document("add", "ramdisk", *INTERPRETED)
    (runtime.path / "link").symlink_to(precious)
    (runtime.path / "photos").mkdir()
    for name in (LOCK, "log", "photo"):
        (runtime.path / "photos" / name).write_text("keep")
    for place in (cache / "link", cache / "lab"):
        place.symlink_to(precious)
    before = {path: path.read_text() for path in precious.rglob("*") if path.is_file()}
    for name in ("link", "photos"):
        assert f"{runtime.path / name}" in run("add", "ramdisk", "--name", name, code=1).stderr
    assert names() == ["link", "photos", "ram_disk0"]
    told = run("clean", code=1).stderr
    assert all(str(place) in told for place in (runtime.path / "link", runtime.path / "photos", runtime.path, cache))
    assert before == {path: path.read_text() for path in precious.rglob("*") if path.is_file()}
    assert sorted(path.name for path in (runtime.path / "photos").iterdir()) == [LOCK, "log", "photo"]
    assert {path.name for path in runtime.path.iterdir()} == {"link", "photos"}


def test_clean_does_not_take_a_directory_for_a_cache(
    runtime: RuntimeDirectory, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "mine" / "numba").mkdir(parents=True)
    (tmp_path / "mine" / "numba" / "thesis.py").write_text("")
    monkeypatch.setenv("BLKMQ_CACHE_DIR", str(tmp_path / "mine"))
    assert "other things in it" in run("add", "ramdisk", "--target", "host", code=1).stderr
    assert "blkmq did not make it" in run("clean", code=1).stderr
    assert (tmp_path / "mine" / "numba" / "thesis.py").exists()


@pytest.mark.parametrize("damage", ["garbage", "no record", "no lock", "no lock and no record"])
def test_clean_ends_devices_whose_records_are_damaged(
    runtime: RuntimeDirectory, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, damage: str
) -> None:
    monkeypatch.setenv("BLKMQ_CACHE_DIR", str(tmp_path / "cache"))
    device = document("add", "ramdisk", *INTERPRETED)
    place = runtime.path / device["name"]
    if damage == "garbage":
        (place / RECORD).write_text("}")
    if "no record" in damage:
        (place / RECORD).unlink()
    if "no lock" in damage:
        (place / LOCK).unlink()
    run("clean")
    assert not is_running(device["pid"])
    assert not runtime.path.exists()


def test_a_socket_elsewhere_goes_with_its_dead_process(runtime: RuntimeDirectory, tmp_path: Path) -> None:
    place = tmp_path / "here.sock"
    device = document("add", "ramdisk", *INTERPRETED, "--socket", str(place))
    fd = os.pidfd_open(device["pid"])
    os.kill(device["pid"], signal.SIGKILL)
    select.select([fd], [], [])
    os.close(fd)
    assert place.exists()
    assert names() == []
    assert not place.exists()


def test_drivers_errors_are_told_at_once(runtime: RuntimeDirectory) -> None:
    assert "no driver" in run("add", "nothing", code=2).stderr
    assert "no such attribute" in run("add", "ramdisk", "colour=1", code=2).stderr
    assert "names: list[str]" in run("add", "refused.py", code=3).stderr
    assert "logical_block_size" in run("add", "ramdisk", "blocksize=1000", *INTERPRETED, code=2).stderr
    assert "nr_devices" in run("add", "ramdisk", "nr_devices=0", code=2).stderr
    assert names() == []


# --- addresses --------------------------------------------------------------------------------------------
def test_addresses_that_cannot_be_had(runtime: RuntimeDirectory, tmp_path: Path) -> None:
    here = tmp_path / "nbd.sock"
    document("add", "ramdisk", "--socket", here, *INTERPRETED)
    assert "another process serves" in run("add", "ramdisk", "--socket", here, *INTERPRETED, code=1).stderr
    (tmp_path / "file").write_text("precious")
    assert "is no socket" in run("add", "ramdisk", "--socket", tmp_path / "file", *INTERPRETED, code=1).stderr
    assert (tmp_path / "file").read_text() == "precious"
    missing = tmp_path / "no" / "where"
    assert f"mkdir -p {missing.parent}" in run("add", "ramdisk", "--socket", missing, *INTERPRETED, code=1).stderr
    assert "/sys is not one" in run("add", "ramdisk", "--socket", "/sys/nbd.sock", *INTERPRETED, code=1).stderr
    assert "107 bytes" in run("add", "ramdisk", "--socket", tmp_path / ("x" * 120), *INTERPRETED, code=1).stderr
    assert "stays on this machine" in run("add", "ramdisk", "--listen", "0.0.0.0:0", code=2).stderr
    assert "is no HOST:PORT" in run("add", "ramdisk", "--listen", "localhost:http", code=2).stderr
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        assert (
            "0 takes a free one" in run("add", "ramdisk", "--listen", f"127.0.0.1:{port}", *INTERPRETED, code=1).stderr
        )
    assert names() == ["ram_disk0"]


def test_a_stale_socket_is_replaced(runtime: RuntimeDirectory, tmp_path: Path) -> None:
    here = tmp_path / "nbd.sock"
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(str(here))
    added = document("add", "ramdisk", "--socket", here, *INTERPRETED)
    with NbdClient(added["uris"][0]) as client:
        client.read(0, 512)
    run("del", added["name"])
    assert not here.exists()


def test_tcp_takes_a_free_port(runtime: RuntimeDirectory) -> None:
    (uri,) = document("add", "ramdisk", "--listen", "127.0.0.1:0", *INTERPRETED)["uris"]
    with NbdClient(uri) as client:
        client.read(0, 512)


# --- questions --------------------------------------------------------------------------------------------
def test_set_answers_as_null_blk_does(runtime: RuntimeDirectory) -> None:
    document("add", "null_blk", "size=1", *INTERPRETED)
    assert "EBUSY" in run("set", "null_blk0", "blocksize=4096", code=1).stderr
    assert "no such attribute" in run("set", "null_blk0", "nothing=1", code=2).stderr
    assert "still to come" in run("set", "null_blk0", "poll_queues=1", code=2).stderr


def test_set_changes_the_number_of_queues(runtime: RuntimeDirectory) -> None:
    (uri,) = document("add", "null_blk", "size=1", "memory_backed=Y", *INTERPRETED)["uris"]
    with NbdClient(uri) as client:
        client.write(0, b"kept" * 128)
        assert document("set", "null_blk0", "submit_queues=2") == {"set": {"submit_queues": 2}}
        state = document("show", "null_blk0")
        nr_cpus = os.cpu_count() or 1
        if nr_cpus > 1:
            assert (len(state["queues"]), state["attributes"]["submit_queues"]) == (2, 2)
        assert client.read(0, 512) == b"kept" * 128
        run("set", "null_blk0", "submit_queues=1")
        assert len(document("show", "null_blk0")["queues"]) == 1
        assert client.read(0, 512) == b"kept" * 128
        refusal = run("set", "null_blk0", f"submit_queues={nr_cpus + 1}", code=2).stderr
        assert f"there can be {nr_cpus}" in refusal
        assert "raised to 1" in run("set", "null_blk0", "submit_queues=0", code=2).stderr


@pytest.mark.parametrize("verb", ["show", "set", "del", "logs"])
def test_devices_that_are_not_there(runtime: RuntimeDirectory, verb: str) -> None:
    words = ["a=1"] if verb == "set" else []
    assert "no device 'gone' is in service" in run(verb, "gone", *words, code=1).stderr


@pytest.mark.parametrize("line", [b"", b"\n", b"garbage\n", b"[]\n", b'{"verb": "dance"}\n', b'{"verb": "set"'])
def test_strange_questions_do_no_harm(runtime: RuntimeDirectory, line: bytes) -> None:
    document("add", "ramdisk", *INTERPRETED)
    with socket.socket(socket.AF_UNIX) as client:
        client.connect(str(runtime.file("ram_disk0", CONTROL)))
        client.sendall(line)
        client.shutdown(socket.SHUT_WR)
        assert b"error" in client.makefile("rb").readline()
    assert document("show", "ram_disk0")["name"] == "ram_disk0"


# --- the directory itself ---------------------------------------------------------------------------------
RECORD_OF_ONE = DeviceRecord("one", 1, "ramdisk", "host", "nbd", ["nbd://here"])


def test_a_claim_is_one_processes_alone(tmp_path: Path) -> None:
    directory = RuntimeDirectory(tmp_path / "run")
    claim = directory.claim("one")
    with pytest.raises(DeviceError, match="is there already"):
        directory.claim("one")
    assert [(found.name, found.state) for found in directory.devices()] == [("one", "starting")]
    claim.publish(RECORD_OF_ONE)
    assert directory.find("one") == RECORD_OF_ONE
    claim.release()
    assert directory.devices() == []
    directory.claim("one").release()


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", '{"name": "one"}', "null"])
def test_a_damaged_record_is_shown_as_such(tmp_path: Path, text: str) -> None:
    directory = RuntimeDirectory(tmp_path / "run")
    claim = directory.claim("one")
    (claim.path / RECORD).write_text(text)
    (found,) = directory.devices()
    assert (found.state, found.record) == ("damaged", None)
    with pytest.raises(DeviceError):
        directory.find("one")
    claim.release()


def test_strange_things_in_the_directory_do_no_harm(tmp_path: Path) -> None:
    directory = RuntimeDirectory(tmp_path / "run")
    directory.make()
    (directory.path / "a_file").write_text("")
    (directory.path / "empty").mkdir()
    (directory.path / "half").mkdir()
    (directory.path / "half" / "log").write_text("")
    (directory.path / "link").symlink_to("/nowhere")
    (directory.path / "locked" / LOCK).mkdir(parents=True)
    states = {found.name: found.state for found in directory.devices()}
    assert states == {"a_file": "damaged", "half": "damaged", "link": "damaged", "locked": "damaged"}
    assert not (directory.path / "empty").exists()
    directory.claim("half").release()  # what a dead process left is no obstacle
    for name in ("a_file", "link", "locked"):
        with pytest.raises(DeviceError, match="move it away"):
            directory.claim(name)
    with pytest.raises(DeviceError, match="is left"):
        directory.remove()
    assert len(list(directory.path.iterdir())) == 3


def test_a_directory_that_is_taken_while_it_is_looked_at_stays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    directory = RuntimeDirectory(tmp_path / "run")
    claim = directory.claim("one")
    monkeypatch.setattr(DeviceDirectory, "names", lambda self: [])  # as it was a moment ago
    assert directory.devices() == []
    assert (claim.path / LOCK).exists()


@pytest.mark.parametrize("name", ["", ".", "..", "a/b", "-x", "x" * 65, "ü"])
def test_names_are_file_names(tmp_path: Path, name: str) -> None:
    with pytest.raises(ConfigError, match="is no name"):
        RuntimeDirectory(tmp_path / "run").claim(name)


def test_a_directory_that_others_can_write_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "run"
    path.mkdir()
    path.chmod(0o777)
    with pytest.raises(DeviceError, match="only you can write"):
        RuntimeDirectory(path).make()


def test_a_file_named_from_here_is_served_from_anywhere(runtime: RuntimeDirectory) -> None:
    path = Path("disk.img").absolute()
    path.write_bytes(b"f" * 8192)
    added = document("add", "loop", "backing_file=disk.img", *INTERPRETED)
    with NbdClient(added["uris"][0]) as client:
        assert client.read(4096, 512) == b"f" * 512
    assert document("show", "loop0")["attributes"]["backing_file"] == str(path)
    error = run("add", "loop", "backing_file=missing.img", *INTERPRETED, code=2).stderr
    assert f"backing_file = '{path.parent}/missing.img': No such file or directory" in error


def has_ring(pid: int) -> bool:
    """Whether a process has an io_uring."""
    return any("[io_uring]" in os.readlink(link) for link in Path(f"/proc/{pid}/fd").iterdir())


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("target", ["interpreted", "host"])
def test_what_was_acknowledged_as_durable_survives_a_kill(runtime: RuntimeDirectory, target: str, way: str) -> None:
    """Writes with FUA, and plain ones before a flush; the process is killed with more of them under way."""
    path, block, nr_durable = Path("disk.img"), 4096, 24
    path.write_bytes(bytes(64 * block))
    if way == "ring":
        must_have_rings()
    words = command("add", "loop", "backing_file=disk.img", "--target", target, "--json")
    refused = [sys.executable, WITHOUT_IO_URING] if way == "threads" else []
    added = json.loads(subprocess.run([*refused, *words], check=True, capture_output=True, text=True).stdout)
    assert has_ring(added["pid"]) is (way == "ring")
    with NbdClient(added["uris"][0]) as client:
        for number in range(nr_durable // 2):
            client.write(number * block, bytes([number + 1]) * block, nbd.NBD_CMD_FLAG_FUA)
        for number in range(nr_durable // 2, nr_durable):
            client.write(number * block, bytes([number + 1]) * block)
        assert client.ask(nbd.NBD_CMD_FLUSH).error == 0
        for number in range(nr_durable, 64):
            client.send(nbd.NBD_CMD_WRITE, number * block, data=bytes([number + 1]) * block)
        os.kill(added["pid"], signal.SIGKILL)
    stored = path.read_bytes()
    for number in range(nr_durable):
        assert stored[number * block :][:block] == bytes([number + 1]) * block
