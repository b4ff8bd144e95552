# SPDX-License-Identifier: MIT
"""Fetches a kernel's packages and unpacks them, without installing, into the user's cache."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from blkmq.lab.apt import Apt, Mirror, Package, failure, find_mirror
from blkmq.lab.directory import in_mib, lab_directory, locked, size_of
from blkmq.lab.kernel import WAY_OUT, Kernel
from blkmq.lab.lab_error import LabError, LabExit
from blkmq.lab.tool import search_path

Say = Callable[[str], None]

#: A package's files take about as much again as the package, which is compressed inside.
UNPACKED_FACTOR = 2.5


@dataclass(frozen=True, kw_only=True)
class Fetched:
    """A kernel that is here."""

    release: str  #: ``uname -r``
    version: str  #: of its packages
    vmlinuz: Path
    modules: Path  #: lib/modules/RELEASE


def kernel_directory(kernel: Kernel) -> Path:
    """Where a kernel is, or would be."""
    return lab_directory("kernels") / kernel.name


def fetched(kernel: Kernel) -> Fetched | None:
    """What is here of a kernel."""
    place = kernel_directory(kernel)
    try:
        facts = json.loads((place / "fetched.json").read_text())
    except FileNotFoundError:
        return None
    facts["vmlinuz"], facts["modules"] = place / facts["vmlinuz"], place / facts["modules"]
    return Fetched(**facts)


def fetch(kernel: Kernel, say: Say, mirror: Mirror | None = None) -> Fetched:
    """The newest release of a kernel that the archive has whole; what is here already is not fetched again.

    Waits for another process that fetches it.  Without network, what is here is used, and ``say`` is told so.
    """
    if kernel.gone:
        raise LabError(LabExit.GONE, f"{kernel.name}: {kernel.gone}", hint=WAY_OUT)
    if kernel.source:
        here = fetched(kernel)
        if here is None:
            hint = f"make it: blkmq lab kernel-build {kernel.name}"
            raise LabError(LabExit.GONE, f"{kernel.name} is not in the archive", hint=hint)
        return here
    with locked(f"kernel-{kernel.name}", lambda: say(f"waiting for another fetch of {kernel.name}")):
        here = fetched(kernel)
        apt = open_apt(kernel.suite, mirror)
        try:
            apt.update()
        except LabError as error:
            if here is None or error.code != LabExit.NO_NETWORK:
                raise
            say(f"the mirror cannot be reached: using {here.release}, which is here")
            return here
        releases = kernel.releases(apt.names(kernel.packages[0].format(release="")))
        releases = kernel.releases(_all_names(apt, kernel, releases))
        if not releases:
            raise LabError(LabExit.GONE, f"{kernel.name}: not whole in {kernel.suite}", hint=WAY_OUT)
        release = releases[0]
        version = apt.version(kernel.package_names(release)[0])
        if here is not None and (here.release, here.version) == (release, version):
            return here
        return _fetch(kernel, release, version, apt, say)


def open_apt(suite: str, mirror: Mirror | None = None) -> Apt:
    """apt for one suite; several processes may not use it at once, see :func:`locked`."""
    return Apt(lab_directory("apt", suite), suite, mirror or find_mirror())


def _all_names(apt: Apt, kernel: Kernel, releases: Sequence[str]) -> set[str]:
    prefixes = [name.format(release="") for name in kernel.packages]
    return set().union(*(apt.names(prefix) for prefix in prefixes))


def _fetch(kernel: Kernel, release: str, version: str, apt: Apt, say: Say) -> Fetched:
    partial = lab_directory("kernels", f".{kernel.name}.partial")
    packages = download(apt, kernel.package_names(release), partial, f"Linux {version}", say)
    root = partial / "root"
    shutil.rmtree(root, ignore_errors=True)
    for package in packages:
        unpack(partial / package.file_name, root)
    modules = next(path for path in (root / "lib/modules", root / "usr/lib/modules") if path.is_dir()) / release
    vmlinuz = next(path for path in (modules / "vmlinuz", root / f"boot/vmlinuz-{release}") if path.is_file())
    if not (root / "lib").exists():
        (root / "lib").symlink_to("usr/lib")  # where depmod and virtme-ng look
    say("sorting its modules")
    run_or_fail("depmod", "-b", str(root), release)
    facts = Fetched(
        release=release,
        version=version,
        vmlinuz=vmlinuz.relative_to(partial),
        modules=modules.relative_to(partial),
    )
    (partial / "fetched.json").write_text(json.dumps(asdict(facts), default=str))
    for package in packages:
        (partial / package.file_name).unlink()
    place = kernel_directory(kernel)
    shutil.rmtree(place, ignore_errors=True)
    partial.rename(place)
    say(f"{kernel.name}: {release} is here, {in_mib(size_of(place))}")
    here = fetched(kernel)
    assert here is not None
    return here


def download(apt: Apt, names: Sequence[str], place: Path, what: str, say: Say) -> list[Package]:
    """Fetches packages into ``place`` after a look at the disk; a broken-off download is taken up again."""
    packages = apt.packages(names)
    absent = set(names) - {package.name for package in packages}
    if absent:
        raise LabError(LabExit.GONE, f"{what}: {apt.suite} has no {', '.join(sorted(absent))}", hint=WAY_OUT)
    size = sum(package.size for package in packages)
    say(f"fetching {what}: {len(packages)} packages, {in_mib(size)}")
    free = shutil.disk_usage(place).free
    if free < size * UNPACKED_FACTOR:
        hint = "make room, set BLKMQ_CACHE_DIR to a directory on another disk, or try `blkmq lab clean`"
        text = f"{place}: {in_mib(free)} free, about {in_mib(int(size * UNPACKED_FACTOR))} needed"
        raise LabError(LabExit.NO_SPACE, text, hint=hint)
    apt.download(packages, place)
    return packages


def unpack(package: Path, root: Path) -> None:
    """A package's files below ``root``; nothing of it is run."""
    try:
        run_or_fail("dpkg-deb", "-x", str(package), str(root))
    except LabError as error:
        if error.code is not LabExit.NO_SPACE:
            package.unlink()
            raise LabError(LabExit.DAMAGED, error.text, hint="fetch it again") from error
        raise


def run_or_fail(*command: str, cwd: Path | None = None) -> str:
    """Runs a tool; its failure is the lab's."""
    done = subprocess.run(
        command, cwd=cwd, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        text=True, check=False, env=os.environ | {"PATH": search_path(), "LC_ALL": "C"},
    )  # fmt: skip
    if done.returncode:
        raise failure(" ".join(command[:2]), done.stdout)
    return done.stdout
