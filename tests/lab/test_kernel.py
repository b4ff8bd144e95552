# SPDX-License-Identifier: MIT
"""The matrix."""

from __future__ import annotations

from pathlib import Path

import pytest

from blkmq.lab.apt import Mirror, find_mirror
from blkmq.lab.fetch import fetch
from blkmq.lab.kernel import find_kernel, kernels
from blkmq.lab.lab_error import LabError, LabExit

KEYRING = Path("/usr/share/keyrings/debian-archive-keyring.gpg")


def test_each_kernel_is_named_once() -> None:
    names = [kernel.name for kernel in kernels()]
    assert len(set(names)) == len(names)
    assert {"6.1", "6.12", "6.18", "7.2", "7.3", "7.3-rc7"} <= set(names)


def test_an_unknown_kernel_lists_the_known() -> None:
    with pytest.raises(LabError, match=r"no kernel '7\.33'") as caught:
        find_kernel("7.33")
    assert caught.value.code is LabExit.UNKNOWN_KERNEL
    assert "did you mean 7.3?" in caught.value.hint
    assert all(kernel.name in caught.value.hint for kernel in kernels())


@pytest.mark.parametrize("name", ["7.0", "7.1"])
def test_a_kernel_that_has_left_the_archive(name: str) -> None:
    with pytest.raises(LabError, match="lost its modules package") as caught:
        fetch(find_kernel(name), lambda text: None)
    assert caught.value.code is LabExit.GONE
    assert "--vmlinuz PATH --modules DIR" in caught.value.hint


def test_a_kernel_that_has_to_be_built() -> None:
    assert find_kernel("debug").source == "linux-source-7.3"


def test_no_headers_are_said_by_name() -> None:
    with pytest.raises(LabError, match=r"no headers for 6\.18") as caught:
        find_kernel("6.18").header_names("6.18.15+deb13-amd64")
    assert "6.12, 7.2, 7.3" in caught.value.hint


def test_package_names() -> None:
    kernel = find_kernel("7.3")
    assert kernel.header_names("7.3.4+deb13-amd64") == [
        "linux-headers-7.3.4+deb13-amd64", "linux-headers-7.3.4+deb13-common", "linux-kbuild-7.3.4+deb13",
    ]  # fmt: skip
    assert find_kernel("6.1").package_names("6.1.0-50-amd64") == ["linux-image-6.1.0-50-amd64"]


def test_the_newest_release_that_is_whole() -> None:
    kernel = find_kernel("7.3")
    whole = {name for release in ("7.3.4+deb13-amd64", "7.3.10+deb13-amd64") for name in kernel.package_names(release)}
    others = {"linux-binary-7.3.11+deb13-amd64", "linux-binary-7.3.4+deb13-cloud-amd64", "linux-binary-7.3-amd64"}
    assert kernel.releases(whole | others) == ["7.3.10+deb13-amd64", "7.3.4+deb13-amd64"]


STANZA = """\
Types: deb deb-src
# URIs: http://old.example/debian
URIs: http://mirror.example/debian
Suites: bookworm bookworm-updates
Components: main
Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg

Types: deb
URIs: http://mirror.example/debian-security
Suites: bookworm-security
Components: main
"""
FOREIGN = "deb [signed-by=/usr/share/keyrings/other.gpg] http://other.example/debian stable main\n"
LINE = "deb http://mirror.example/debian/ bookworm main contrib\n# deb http://old.example/debian bookworm main\n"


@pytest.mark.parametrize(
    ("name", "text", "uri"),
    [
        ("debian.sources", STANZA, "http://mirror.example/debian"),
        ("debian.sources", f"Enabled: no\n{STANZA.partition(chr(10) * 2)[0]}", None),
        ("debian.list", FOREIGN + LINE, "http://mirror.example/debian/"),
        ("debian.list", FOREIGN, None),
        ("debian.list.save", LINE, None),
        ("debian.list", LINE.replace("deb ", "deb-src ", 1), None),
    ],
)
def test_the_mirror_is_the_machines_own(tmp_path: Path, name: str, text: str, uri: str | None) -> None:
    (tmp_path / "sources.list.d").mkdir()
    (tmp_path / "sources.list.d" / name).write_text(text)
    if uri is not None:
        assert find_mirror(tmp_path) == Mirror(uri, KEYRING)
        return
    with pytest.raises(LabError, match="no mirror") as caught:
        find_mirror(tmp_path)
    assert caught.value.code is LabExit.NO_NETWORK
