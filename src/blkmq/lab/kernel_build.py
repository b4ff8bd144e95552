# SPDX-License-Identifier: MIT
"""Builds the debug kernel: Debian's source or a tree of the user's, with ``debug.config``."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import time
from dataclasses import asdict
from pathlib import Path

from blkmq.lab.apt import Mirror, failure
from blkmq.lab.build_root import BuildRoot, build_root
from blkmq.lab.directory import in_mib, lab_directory, locked, size_of
from blkmq.lab.fetch import Fetched, Say, download, fetched, kernel_directory, open_apt, run_or_fail, unpack
from blkmq.lab.kernel import Kernel
from blkmq.lab.lab_error import LabError, LabExit

FRAGMENT = Path(__file__).parent / "debug.config"
TAIL_LINES = 25
ENVIRONMENT = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "HOME": "/", "LC_ALL": "C", "KBUILD_BUILD_TIMESTAMP": "0"}


def build_kernel(kernel: Kernel, say: Say, tree: Path | None = None, mirror: Mirror | None = None) -> Fetched:
    """The debug kernel; built if its source, version or configuration is another than that of the one here.

    ``tree`` is a source tree of the user's, which is left as it is: all that is made goes to the cache.  A build that
    was broken off goes on where it was.
    """
    with locked(f"kernel-{kernel.name}", lambda: say(f"waiting for another build of {kernel.name}")):
        root = build_root(kernel.gcc, say, mirror)
        source, version = (tree, f"tree {tree}") if tree else _fetch_source(kernel, say, mirror)
        key = _key(version, tree)
        here = fetched(kernel)
        if here is not None and here.version == key:
            say(f"{kernel.name}: {here.release} is here, and nothing has changed")
            return here
        return _build(kernel, source, key, root, say)


def _key(version: str, tree: Path | None) -> str:
    """What a build depends on: the source and our configuration."""
    digest = hashlib.sha256(FRAGMENT.read_bytes())
    if tree:
        told = subprocess.run(
            ["git", "-C", str(tree), "rev-parse", "HEAD"], capture_output=True, text=True, check=False
        )
        digest.update(told.stdout.encode() or str(time.time_ns()).encode())  # without git: kbuild knows what changed
        told = subprocess.run(["git", "-C", str(tree), "diff", "HEAD"], capture_output=True, text=True, check=False)
        digest.update(told.stdout.encode())
    return f"{version}, configuration {digest.hexdigest()[:12]}"


def _fetch_source(kernel: Kernel, say: Say, mirror: Mirror | None) -> tuple[Path, str]:
    """Debian's source, unpacked, and its version."""
    apt = open_apt(kernel.suite, mirror)
    try:
        apt.update()
        version = apt.version(kernel.source)
    except LabError as error:
        kept = sorted(lab_directory("source").iterdir())
        if error.code is not LabExit.NO_NETWORK or not kept:
            raise
        say(f"the mirror cannot be reached: using {kept[-1].name}, which is here")
        return kept[-1], kept[-1].name
    place = lab_directory("source") / version
    if not place.is_dir():
        partial = lab_directory("source-partial")
        (package,) = download(apt, [kernel.source], partial, kernel.source, say)
        unpack(partial / package.file_name, partial / "package")
        say("unpacking the source")
        (archive,) = (partial / "package/usr/src").glob("*.tar.xz")
        run_or_fail("tar", "-xJf", str(archive), cwd=partial)
        (partial / kernel.source).rename(place)
        shutil.rmtree(partial)
    return place, version


def _build(kernel: Kernel, source: Path, key: str, root: BuildRoot, say: Say) -> Fetched:
    build = lab_directory("builds", kernel.name)
    began = time.monotonic()
    jobs = len(os.sched_getaffinity(0))
    shutil.copy(FRAGMENT, build / "fragment")
    make = ["make", "-C", str(source), f"O={build}", f"-j{jobs}"]
    say(f"configuring and building {key} with {jobs} jobs; `tail -f {build / 'log.txt'}` shows how far it is")
    with open(build / "log.txt", "w") as log:

        def step(*words: str) -> None:
            command = root.command(*make, *words, directory=build, shared=[source])
            done = subprocess.run(
                command, stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT, check=False,
                env=ENVIRONMENT,
            )  # fmt: skip
            if done.returncode:
                raise _failure(build / "log.txt", " ".join(words))

        step("KCONFIG_ALLCONFIG=" + str(build / "fragment"), "allnoconfig")
        _check_config(build)
        step("LOCALVERSION=-blkmq-debug", "bzImage", "modules")
        release = (build / "include/config/kernel.release").read_text().strip()
        partial = lab_directory("kernels", f".{kernel.name}.partial")
        shutil.rmtree(partial)
        (partial / "root/boot").mkdir(parents=True)
        command = root.command(
            *make, "LOCALVERSION=-blkmq-debug", f"INSTALL_MOD_PATH={partial / 'root'}", "INSTALL_MOD_STRIP=1",
            "modules_install", directory=build, shared=[source, partial],
        )  # fmt: skip
        if subprocess.run(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, check=False).returncode:
            raise _failure(build / "log.txt", "modules_install")
    shutil.copy(build / "arch/x86/boot/bzImage", partial / f"root/boot/vmlinuz-{release}")
    modules = Path("root/lib/modules") / release
    for link in ("build", "source"):
        (partial / modules / link).unlink(missing_ok=True)
    shutil.copy(build / ".config", partial / modules / "config")
    facts = Fetched(
        release=release, version=key, vmlinuz=Path(f"root/boot/vmlinuz-{release}"), modules=modules
    )  # fmt: skip
    (partial / "fetched.json").write_text(json.dumps(asdict(facts), default=str))
    place = kernel_directory(kernel)
    shutil.rmtree(place, ignore_errors=True)
    partial.rename(place)
    minutes = (time.monotonic() - began) / 60
    say(f"{kernel.name}: {release} is here after {minutes:.1f} minutes, {in_mib(size_of(place))}")
    here = fetched(kernel)
    assert here is not None
    return here


def _check_config(build: Path) -> None:
    """Each line of our configuration must have survived: a name that a newer kernel has lost would go unnoticed."""
    config = set((build / ".config").read_text().splitlines())
    lost = [line for line in FRAGMENT.read_text().splitlines() if line.startswith("CONFIG_") and line not in config]
    if lost:
        hint = f"see {build / '.config'}, and change {FRAGMENT}"
        raise LabError(LabExit.BUILD_FAILED, f"this source does not take {', '.join(lost)}", hint=hint)


def _failure(log: Path, what: str) -> LabError:
    lines = log.read_text(errors="replace").splitlines()
    told = "\n".join(lines[-TAIL_LINES:])
    found = failure(what, told)
    if found.code is LabExit.NO_SPACE:
        return found
    return LabError(LabExit.BUILD_FAILED, f"make {what} failed:\n{told}", hint=f"the whole log: {log}")
