# SPDX-License-Identifier: MIT
"""Building the debug kernel from a tree: a Makefile that plays kbuild's part, in no root of its own."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from blkmq.lab import kernel_build
from blkmq.lab.directory import lab_directory
from blkmq.lab.fetch import Fetched, fetched
from blkmq.lab.kernel import find_kernel
from blkmq.lab.kernel_build import FRAGMENT, build_kernel
from blkmq.lab.lab_error import LabError, LabExit

MAKEFILE = """\
allnoconfig:
\tcp $(KCONFIG_ALLCONFIG) $(O)/.config
bzImage: ; mkdir -p $(O)/arch/x86/boot $(O)/include/config
\techo 9.9.0$(LOCALVERSION) >$(O)/include/config/kernel.release
\techo image >$(O)/arch/x86/boot/bzImage
modules: ; echo built >>$(O)/builds
modules_install:
\tmkdir -p $(INSTALL_MOD_PATH)/lib/modules/9.9.0-blkmq-debug/kernel
\tln -s . $(INSTALL_MOD_PATH)/lib/modules/9.9.0-blkmq-debug/build
"""


class NoRoot:
    """In place of a build root: commands run here."""

    def command(self, *words: str, directory: Path, shared: object) -> list[str]:
        return [*words]


@pytest.fixture
def tree(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A source tree under git; only what builds the root is played."""
    monkeypatch.setenv("BLKMQ_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.setattr(kernel_build, "build_root", lambda *_: NoRoot())
    place = tmp_path / "linux"
    place.mkdir()
    (place / "Makefile").write_text(MAKEFILE)
    git(place, "init", "-q")
    git(place, "add", "Makefile")
    git(place, "-c", "user.name=n", "-c", "user.email=e", "commit", "-q", "-m", "m")
    return place


def git(place: Path, *words: str) -> None:
    subprocess.run(["git", "-C", str(place), *words], check=True)


def build(tree: Path) -> tuple[Fetched, list[str]]:
    told: list[str] = []
    return build_kernel(find_kernel("debug"), told.append, tree), told


def nr_builds() -> int:
    return len((lab_directory("builds", "debug") / "builds").read_text().split())


def test_a_tree_is_built_and_left_as_it_is(tree: Path) -> None:
    here, told = build(tree)
    assert here == fetched(find_kernel("debug"))
    assert here.release == "9.9.0-blkmq-debug"
    assert here.vmlinuz.read_text() == "image\n"
    assert (here.modules / "config").read_text() == FRAGMENT.read_text()
    assert not (here.modules / "build").is_symlink()
    assert "is here after" in told[-1]
    done = subprocess.run(["git", "-C", tree, "status", "--short"], capture_output=True, check=True)
    assert done.stdout == b""


def test_what_has_not_changed_is_not_built_again(tree: Path) -> None:
    build(tree)
    assert "nothing has changed" in build(tree)[1][-1]
    assert nr_builds() == 1
    with (tree / "Makefile").open("a") as makefile:
        makefile.write("# another\n")
    build(tree)
    assert nr_builds() == 2


def test_a_lost_option_is_named(tree: Path) -> None:
    text = MAKEFILE.replace(
        "cp $(KCONFIG_ALLCONFIG) $(O)/.config", "grep -v KASAN=y $(KCONFIG_ALLCONFIG) >$(O)/.config"
    )
    (tree / "Makefile").write_text(text)
    with pytest.raises(LabError, match="this source does not take CONFIG_KASAN=y") as caught:
        build(tree)
    assert caught.value.code is LabExit.BUILD_FAILED


def test_a_build_that_fails_shows_its_end(tree: Path) -> None:
    (tree / "Makefile").write_text(MAKEFILE.replace("echo built", "echo 'x.c:1: error: no'; exit 1; echo"))
    with pytest.raises(LabError, match=r"x\.c:1: error: no") as caught:
        build(tree)
    assert caught.value.code is LabExit.BUILD_FAILED
    assert caught.value.hint == f"the whole log: {lab_directory('builds', 'debug') / 'log.txt'}"
    assert fetched(find_kernel("debug")) is None


def test_a_directory_without_a_source(tree: Path) -> None:
    (tree / "Makefile").unlink()
    with pytest.raises(LabError) as caught:
        build(tree)
    assert caught.value.code is LabExit.BUILD_FAILED
