# SPDX-License-Identifier: MIT
"""A small Debian root to build in: the gcc that a kernel's modules want, and the kernel's headers."""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from blkmq.lab.apt import Mirror, failure, find_mirror
from blkmq.lab.directory import in_mib, lab_directory, locked, size_of
from blkmq.lab.fetch import Say, download, open_apt, unpack
from blkmq.lab.kernel import Kernel
from blkmq.lab.tool import require

#: What kbuild runs.
PACKAGES = "gcc,make,libc6-dev,pahole,libelf-dev,libssl3t64,bc,kmod,flex,bison,xz-utils"


@dataclass(frozen=True)
class BuildRoot:
    """A root directory with a compiler; commands run in it with directories of this machine's put in."""

    path: Path

    def kernel_build_directory(self, release: str) -> Path:
        """Where kbuild finds a kernel's headers, inside the root."""
        return Path("/usr/src") / f"linux-headers-{release}"

    def command(self, *words: str, directory: Path, shared: Sequence[Path] = ()) -> list[str]:
        """A command line that runs words in the root, in a directory of this machine's.

        ``shared`` and ``directory`` appear in the root at the same places, to be read and written.
        """
        root = shlex.quote(str(self.path))
        lines = [
            "set -e",
            f"mount --bind {root} {root}",
            f"mount -t proc proc {root}/proc",
            f"mount --rbind /dev {root}/dev",
        ]
        for path in (directory, *shared):
            place = shlex.quote(f"{self.path}{path}")
            lines.append(f"mkdir -p {place}; mount --bind {shlex.quote(str(path))} {place}")
        lines.append(f'exec chroot {root} env -C {shlex.quote(str(directory))} "$@"')
        namespaces = ["--mount"] if os.geteuid() == 0 else ["--mount", "--map-root-user"]
        own = ["unshare", *namespaces, "--fork", "--pid", "--kill-child"]
        dying = ["setpriv", "--pdeathsig", "KILL"]  # nothing goes on when we are killed
        return [*dying, *own, "sh", "-c", "\n".join(lines), "sh", *words]


def build_root(suite: str, say: Say, mirror: Mirror | None = None) -> BuildRoot:
    """The root of a suite; made at the first call, in about half a minute."""
    path = lab_directory("roots") / suite
    with locked(f"root-{suite}", lambda: say(f"waiting for another process that makes the root of {suite}")):
        if not path.is_dir():
            require("build")
            mirror = mirror or find_mirror()
            say(f"making a root of {suite} with its gcc")
            partial = path.with_name(f".{suite}.partial")
            shutil.rmtree(partial, ignore_errors=True)
            line = f"deb [signed-by={mirror.keyring}] {mirror.uri} {suite} main"
            done = subprocess.run(
                ["mmdebstrap", "--quiet", "--variant=apt", f"--include={PACKAGES}", suite, str(partial), line],
                stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False,
            )  # fmt: skip
            if done.returncode:
                shutil.rmtree(partial, ignore_errors=True)
                raise failure(f"mmdebstrap {suite}", done.stderr)
            partial.rename(path)
            say(f"the root of {suite} is here, {in_mib(size_of(path))}")
    return BuildRoot(path)


def has_headers(kernel: Kernel, release: str) -> bool:
    """Whether a kernel's headers are here."""
    if not kernel.gcc:
        return False
    return (lab_directory("roots") / kernel.gcc / "usr/src" / f"linux-headers-{release}").is_dir()


def fetch_headers(kernel: Kernel, release: str, say: Say, mirror: Mirror | None = None) -> BuildRoot:
    """The root that builds modules for a kernel, with its headers."""
    names = kernel.header_names(release)
    root = build_root(kernel.gcc, say, mirror)
    with locked(f"kernel-{kernel.name}", lambda: say(f"waiting for another fetch of {kernel.name}")):
        if not has_headers(kernel, release):
            apt = open_apt(kernel.suite, mirror)
            apt.update()
            place = lab_directory("kernels", f".{kernel.name}.headers")
            for package in download(apt, names, place, f"headers of {release}", say):
                unpack(place / package.file_name, root.path)
            shutil.rmtree(place)
    return root
