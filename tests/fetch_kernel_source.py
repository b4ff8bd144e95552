#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Fetches the source of Linux 7.3, with which tests compare our numbers and rules; prints where it is.

It is Debian's ``linux-source-7.3``, fetched by apt from the mirror that this machine already uses, with apt's
signature checks; of its tree, the folders that the tests read are unpacked.  apt runs on a configuration of its own:
nothing is installed, and the machine's package lists and sources stay as they are.  What is there already is not
fetched again.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

KERNEL = "7.3"
PACKAGE = f"linux-source-{KERNEL}"
FOLDERS = ("include", "block", "drivers/block/null_blk", "arch/x86/include", "scripts")
SUITE = "trixie-backports"
KEYRING = Path("/usr/share/keyrings/debian-archive-keyring.gpg")
RELEASES = {"bullseye", "bookworm", "trixie", "forky", "oldstable", "stable", "testing", "sid", "unstable"}
ELSEWHERE = "or set BLKMQ_KERNEL_SOURCE to an unpacked linux-headers-*-common or linux-source tree"

SOURCES = """\
Types: deb
URIs: {mirror}
Suites: {suite}
Components: main
Signed-By: {keyring}
Targets: Packages
Languages: none
"""
# apt reads this one first, then the machine's apt.conf.d, which may name a proxy, and last Dir::Etc::Main.
APT_CONF = """\
Dir::Etc::Main "{directory}/last.conf";
Dir::Etc::SourceList "/dev/null";
Dir::Etc::SourceParts "{directory}/sources";
Dir::Etc::Preferences "/dev/null";
Dir::Etc::PreferencesParts "/dev/null";
Dir::State::Lists "{directory}/lists";
Dir::Cache "{directory}/cache";
"""
LAST_CONF = """\
#clear APT::Update::Post-Invoke;
#clear APT::Update::Post-Invoke-Success;
APT::Get::AllowUnauthenticated "false";
Acquire::AllowInsecureRepositories "false";
APT::Sandbox::User "{user}";
"""


class FetchError(Exception):
    """Why there is no source, and what to do about it."""


def main() -> int:
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    place = cache / "blkmq/kernel-source" / KERNEL
    try:
        if not all((place / folder).is_dir() for folder in FOLDERS):
            fetch(place)
    except FetchError as error:
        print(f"kernel source: {error}", file=sys.stderr)
        return 1
    print(place)
    return 0


def fetch(place: Path) -> None:
    """Fetches the package and unpacks ``FOLDERS`` to ``place``, which is there whole or not at all."""
    for tool in ("apt-get", "dpkg-deb", "tar", "xz"):
        if not shutil.which(tool):
            raise FetchError(f"there is no {tool}: run this on Debian, {ELSEWHERE}")
    if not KEYRING.is_file():
        raise FetchError(f"there is no {KEYRING}: install debian-archive-keyring, {ELSEWHERE}")
    mirror = next(debian_mirrors(Path("/etc/apt")), None)
    if mirror is None:
        raise FetchError(f"apt's sources name no Debian mirror with a component `main`: add one, {ELSEWHERE}")

    place.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=place.parent) as temporary:
        directory = Path(temporary)
        environment = private_apt(directory, mirror)
        run("apt-get", "-qq", "--error-on=any", "update", cwd=directory, env=environment)
        run("apt-get", "-qq", "download", PACKAGE, cwd=directory, env=environment)
        run("dpkg-deb", "-x", *map(str, directory.glob("*.deb")), "package", cwd=directory, env=environment)
        archive = f"package/usr/src/{PACKAGE}.tar.xz"
        run("tar", "-xJf", archive, *(f"{PACKAGE}/{folder}" for folder in FOLDERS), cwd=directory, env=environment)
        shutil.rmtree(place, ignore_errors=True)
        (directory / PACKAGE).rename(place)


def debian_mirrors(etc: Path) -> Iterator[str]:
    """The mirrors of Debian's main archive that apt's sources name, in either of their two formats."""
    for path in [etc / "sources.list", *sorted((etc / "sources.list.d").glob("*"))]:
        if path.suffix not in {".list", ".sources"} or not path.is_file():
            continue
        text = re.sub(r"(?m)^\s*#.*\n?", "", path.read_text())
        for uris, suites, components, signed_by in (stanzas if path.suffix == ".sources" else lines)(text):
            ours = "debian-archive" in signed_by or not signed_by
            if ours and "main" in components.split() and RELEASES.intersection(suites.split()):
                yield from (uri for uri in uris.split() if re.search(r"/debian(/|\.list)?$", uri))


def stanzas(text: str) -> Iterator[tuple[str, str, str, str]]:
    """URIs, suites, components and key of each stanza of a ``.sources`` file."""
    for stanza in re.split(r"\n\s*\n", text):
        found = re.findall(r"(?m)^([\w-]+):((?:.*)(?:\n[ \t].*)*)", stanza)
        field = defaultdict(str, {name.lower(): value for name, value in found})
        if "deb" in field["types"].split() and field["enabled"].strip().lower() != "no":
            yield field["uris"], field["suites"], field["components"], field["signed-by"]


def lines(text: str) -> Iterator[tuple[str, str, str, str]]:
    """URI, suite, components and key of each line of a ``.list`` file."""
    for options, uri, suite, components in re.findall(r"(?m)^\s*deb\s+(?:\[(.*?)\]\s+)?(\S+)\s+(\S+)(.*)", text):
        key = re.search(r"signed-by=(\S+)", options)
        yield uri, suite, components, key[1] if key else ""


def private_apt(directory: Path, mirror: str) -> dict[str, str]:
    """The environment in which apt knows one suite of one mirror, and keeps what it fetches in ``directory``."""
    for name in ("sources", "lists/partial", "cache/archives/partial"):
        (directory / name).mkdir(parents=True)
    sources = SOURCES.format(mirror=mirror, suite=SUITE, keyring=KEYRING)
    (directory / "sources/debian.sources").write_text(sources)
    (directory / "apt.conf").write_text(APT_CONF.format(directory=directory))
    user = "root" if os.geteuid() == 0 else ""  # else apt would fetch as _apt, who may not write here
    machines = '#include "/etc/apt/apt.conf";\n' if Path("/etc/apt/apt.conf").is_file() else ""
    (directory / "last.conf").write_text(machines + LAST_CONF.format(user=user))
    return os.environ | {"APT_CONFIG": str(directory / "apt.conf"), "LC_ALL": "C"}


def run(*command: str, cwd: Path, env: dict[str, str]) -> str:
    done = subprocess.run(
        command, cwd=cwd, env=env, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise FetchError(f"`{' '.join(command)}` failed; is the mirror reachable?\n{done.stderr.strip()}")
    return done.stdout


if __name__ == "__main__":
    sys.exit(main())
