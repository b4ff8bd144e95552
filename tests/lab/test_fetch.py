# SPDX-License-Identifier: MIT
"""Fetching a kernel, from an archive on the loopback interface."""

from __future__ import annotations

import shutil
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from blkmq.lab import fetch as fetching
from blkmq.lab.apt import Mirror
from blkmq.lab.directory import locked, remove
from blkmq.lab.fetch import fetch, fetched, kernel_directory
from blkmq.lab.kernel import Kernel
from blkmq.lab.lab_error import LabError, LabExit
from tests.lab.archive import SUITE, LocalArchive

KERNEL = Kernel(
    name="9.9",
    suite=SUITE,
    release=r"9\.9\.\d+-amd64",
    packages=["linux-binary-{release}", "linux-modules-{release}"],
)
NOWHERE = "http://127.0.0.1:9/debian"


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> LocalArchive:
    """An archive with 9.9.1 whole, and 9.9.2 whose modules are lost."""
    archive = LocalArchive(tmp_path_factory.mktemp("archive"))
    _add(archive, "9.9.1-amd64", "1.0")
    archive.add("linux-binary-9.9.2-amd64", "2.0", {"usr/lib/modules/9.9.2-amd64/vmlinuz": "newer"})
    archive.publish()
    return archive


def _add(archive: LocalArchive, release: str, version: str) -> None:
    place = f"usr/lib/modules/{release}"
    archive.add(f"linux-binary-{release}", version, {f"{place}/vmlinuz": f"image of {version}"})
    archive.add(
        f"linux-modules-{release}",
        version,
        {f"{place}/modules.order": "", f"{place}/modules.builtin": "", f"{place}/pad": bytes(300_000)},
    )


@pytest.fixture
def archive(made: LocalArchive, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[LocalArchive]:
    """A copy of it that is being served, and an empty cache."""
    monkeypatch.setenv("BLKMQ_CACHE_DIR", str(tmp_path / "cache"))
    shutil.copytree(made.files, tmp_path / "debian")
    copy = object.__new__(LocalArchive)
    copy.__dict__.update(made.__dict__, files=tmp_path / "debian", requests=[], cut_after=None)
    with copy.serve():
        yield copy


class Said(list[str]):
    """What a fetch said."""

    def __call__(self, text: str) -> None:
        self.append(text)


def refused(code: LabExit, mirror: Mirror, said: Said | None = None) -> LabError:
    with pytest.raises(LabError) as caught:
        fetch(KERNEL, said if said is not None else Said(), mirror)
    assert caught.value.code is code, caught.value
    assert caught.value.hint
    return caught.value


def test_the_newest_whole_release_is_unpacked(archive: LocalArchive) -> None:
    said = Said()
    here = fetch(KERNEL, said, archive.mirror)
    assert (here.release, here.version) == ("9.9.1-amd64", "1.0")
    assert here.vmlinuz.read_text() == "image of 1.0"
    assert (here.modules / "modules.dep").is_file()
    assert here == fetched(KERNEL)
    assert "2 packages" in said[0]
    assert not list(kernel_directory(KERNEL).glob("*.deb"))


def test_what_is_here_is_not_fetched_again(archive: LocalArchive) -> None:
    fetch(KERNEL, Said(), archive.mirror)
    archive.requests.clear()
    fetch(KERNEL, Said(), archive.mirror)
    assert not [path for path, _ in archive.requests if path.endswith(".deb")]


def test_a_newer_release_takes_its_place(archive: LocalArchive) -> None:
    fetch(KERNEL, Said(), archive.mirror)
    _add(archive, "9.9.10-amd64", "10.0")
    archive.publish()
    assert fetch(KERNEL, Said(), archive.mirror).release == "9.9.10-amd64"
    shutil.rmtree(archive.files.parent / "tree")


def test_a_damaged_package(archive: LocalArchive) -> None:
    package = archive.files / "pool/linux-modules-9.9.1-amd64_1.0_amd64.deb"
    data = bytearray(package.read_bytes())
    data[-1000] ^= 1
    package.write_bytes(data)
    error = refused(LabExit.DAMAGED, archive.mirror)
    assert "linux-modules-9.9.1-amd64" in error.text
    assert fetched(KERNEL) is None
    data[-1000] ^= 1
    package.write_bytes(data)
    assert fetch(KERNEL, Said(), archive.mirror).version == "1.0"


def test_an_index_that_somebody_else_signed(archive: LocalArchive, tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    other = LocalArchive(tmp_path / "other")
    refused(LabExit.DAMAGED, Mirror(archive.mirror.uri, other.keyring))


def test_a_download_that_broke_off_goes_on(archive: LocalArchive) -> None:
    archive.cut_after = 100_000
    refused(LabExit.NO_NETWORK, archive.mirror)
    archive.cut_after = None
    archive.requests.clear()
    fetch(KERNEL, Said(), archive.mirror)
    ranges = {path.rpartition("/")[2]: wanted for path, wanted in archive.requests if path.endswith(".deb")}
    assert "linux-binary-9.9.1-amd64_1.0_amd64.deb" not in ranges  # it was whole
    assert ranges["linux-modules-9.9.1-amd64_1.0_amd64.deb"].startswith("bytes=")


def test_no_network(archive: LocalArchive) -> None:
    nowhere = Mirror(NOWHERE, archive.keyring)
    refused(LabExit.NO_NETWORK, nowhere)
    here = fetch(KERNEL, Said(), archive.mirror)
    said = Said()
    assert fetch(KERNEL, said, nowhere) == here
    assert "using 9.9.1-amd64, which is here" in said[0]


def test_too_little_space(archive: LocalArchive, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fetching, "UNPACKED_FACTOR", 1e12)
    error = refused(LabExit.NO_SPACE, archive.mirror)
    assert "free, about" in error.text


def test_a_disk_that_is_full(archive: LocalArchive, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tool = tmp_path / "bin/dpkg-deb"
    tool.parent.mkdir()
    tool.write_text("#!/bin/sh\necho 'dpkg-deb: error: cannot write: No space left on device' >&2\nexit 2\n")
    tool.chmod(0o755)
    with monkeypatch.context() as patch:
        patch.setenv("PATH", f"{tool.parent}:/usr/sbin:/usr/bin:/sbin:/bin")
        refused(LabExit.NO_SPACE, archive.mirror)
    assert fetched(KERNEL) is None


def test_a_second_fetch_waits(archive: LocalArchive) -> None:
    waits = threading.Event()

    def say(text: str) -> None:
        if "waiting for another fetch" in text:
            waits.set()

    second = threading.Thread(target=fetch, args=(KERNEL, say, archive.mirror))
    with locked("kernel-9.9", lambda: None):
        second.start()
        assert waits.wait(30)
        assert fetched(KERNEL) is None
    second.join()
    assert fetched(KERNEL) is not None


def test_not_in_the_archive(archive: LocalArchive) -> None:
    lost = Kernel(name="9.8", suite=SUITE, release=r"9\.8\.\d+-amd64", packages=["linux-binary-{release}"])
    with pytest.raises(LabError, match="not whole in trixie") as caught:
        fetch(lost, Said(), archive.mirror)
    assert caught.value.code is LabExit.GONE


def test_no_debian(archive: LocalArchive, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    error = refused(LabExit.TOOL_MISSING, archive.mirror)
    assert "--vmlinuz" in error.hint


def test_clean(archive: LocalArchive) -> None:
    fetch(KERNEL, Said(), archive.mirror)
    assert remove(["9.9"]) > 300_000
    assert fetched(KERNEL) is None
