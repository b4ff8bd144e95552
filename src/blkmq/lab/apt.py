# SPDX-License-Identifier: MIT
"""apt on a configuration of its own: the mirror that this machine already uses, another suite, signatures checked.

Nothing is installed, and the machine's package lists and sources stay as they are.
"""

from __future__ import annotations

import hashlib
import os
import re
import subprocess
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from blkmq.lab.lab_error import LabError, LabExit
from blkmq.lab.tool import OWN_KERNEL, require, search_path

ETC = Path("/etc/apt")
APT_HELPER = "/usr/lib/apt/apt-helper"
KEYRING = Path("/usr/share/keyrings/debian-archive-keyring.gpg")
RELEASES = {"bullseye", "bookworm", "trixie", "forky", "oldstable", "stable", "testing", "sid", "unstable"}
#: What apt, dpkg-deb and tar say where the disk is full.
FULL = ("No space left on device", "You don't have enough free space", "Disk quota exceeded")
DAMAGED = (
    "Hash Sum mismatch", "BADSIG", "NO_PUBKEY", "EXPKEYSIG", "is not signed", "not a Debian format archive",
    "unexpected size", "signatures were invalid", "unable to verify", "Clearsigned file isn't valid",
)  # fmt: skip

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
Acquire::Retries "2";
Acquire::http::Timeout "30";
APT::Sandbox::User "{user}";
"""


@dataclass(frozen=True)
class Mirror:
    """A mirror of Debian's main archive."""

    uri: str
    keyring: Path


@dataclass(frozen=True)
class Package:
    """One package as the signed index describes it."""

    name: str
    uri: str
    file_name: str
    size: int  #: bytes
    digest: str  #: ALGORITHM:HEX


def find_mirror(etc: Path | None = None) -> Mirror:
    """The first mirror of Debian's main archive that apt's sources name, in either of their two formats."""
    etc = etc or ETC
    for path in [etc / "sources.list", *sorted((etc / "sources.list.d").glob("*"))]:
        if path.suffix not in {".list", ".sources"} or not path.is_file():
            continue
        text = re.sub(r"(?m)^\s*#.*\n?", "", path.read_text())
        for uris, suites, components, signed_by in (_stanzas if path.suffix == ".sources" else _lines)(text):
            ours = "debian-archive" in signed_by or not signed_by
            if not ours or "main" not in components.split() or not RELEASES.intersection(suites.split()):
                continue
            for uri in uris.split():
                if re.search(r"/debian/?(\.list)?$", uri):
                    return Mirror(uri, _keyring(signed_by.strip()))
    raise LabError(
        LabExit.NO_NETWORK,
        f"{etc}: apt's sources name no mirror of Debian's main archive",
        hint=f"add one; {OWN_KERNEL}",
    )


def _keyring(signed_by: str) -> Path:
    """The whole archive's keys, unless a source brings its own from elsewhere."""
    named = Path(signed_by)
    return named if named.is_absolute() and named.parent != KEYRING.parent else KEYRING


def _stanzas(text: str) -> Iterator[tuple[str, str, str, str]]:
    """URIs, suites, components and key of each stanza of a ``.sources`` file."""
    for stanza in re.split(r"\n\s*\n", text):
        found = re.findall(r"(?m)^([\w-]+):((?:.*)(?:\n[ \t].*)*)", stanza)
        field = defaultdict(str, {name.lower(): value for name, value in found})
        if "deb" in field["types"].split() and field["enabled"].strip().lower() != "no":
            yield field["uris"], field["suites"], field["components"], field["signed-by"]


def _lines(text: str) -> Iterator[tuple[str, str, str, str]]:
    """URI, suite, components and key of each line of a ``.list`` file."""
    for options, uri, suite, components in re.findall(r"(?m)^\s*deb\s+(?:\[(.*?)\]\s+)?(\S+)\s+(\S+)(.*)", text):
        key = re.search(r"signed-by=(\S+)", options)
        yield uri, suite, components, key[1] if key else ""


class Apt:
    """One suite of one mirror; lists and unfinished downloads stay in ``directory``."""

    def __init__(self, directory: Path, suite: str, mirror: Mirror) -> None:
        require("fetch")
        if not mirror.keyring.is_file():
            hint = "apt-get install debian-archive-keyring"
            raise LabError(LabExit.TOOL_MISSING, f"there is no {mirror.keyring}", hint=hint)
        for name in ("sources", "lists/partial", "cache/archives/partial"):
            (directory / name).mkdir(parents=True, exist_ok=True)
        sources = SOURCES.format(mirror=mirror.uri, suite=suite, keyring=mirror.keyring)
        (directory / "sources/debian.sources").write_text(sources)
        (directory / "apt.conf").write_text(APT_CONF.format(directory=directory))
        user = "root" if os.geteuid() == 0 else ""  # else apt would fetch as _apt, who may not write here
        machines = '#include "/etc/apt/apt.conf";\n' if Path("/etc/apt/apt.conf").is_file() else ""
        (directory / "last.conf").write_text(machines + LAST_CONF.format(user=user))
        self.suite = suite
        self.directory = directory
        self.environment = os.environ | {
            "APT_CONFIG": str(directory / "apt.conf"),
            "LC_ALL": "C",
            "PATH": search_path(),
        }

    def update(self) -> None:
        """Fetches the suite's signed index."""
        self._run("apt-get", "-q", "--error-on=any", "update")

    def names(self, prefix: str) -> set[str]:
        """The names of all packages that begin so."""
        return set(self._run("apt-cache", "pkgnames", prefix).split())

    def packages(self, names: Sequence[str]) -> list[Package]:
        """The newest version of each."""
        told = self._run("apt-get", "-q", "download", "--print-uris", *names, cwd=self.directory)
        found = re.findall(r"(?m)^'(\S+)' (\S+) (\d+) (\S+)$", told)
        return [Package(file.partition("_")[0], uri, file, int(size), digest) for uri, file, size, digest in found]

    def version(self, name: str) -> str:
        """Of its newest version."""
        return str(re.findall(r"(?m)^Version: (\S+)", self._run("apt-cache", "show", "--no-all-versions", name))[0])

    def download(self, packages: Sequence[Package], place: Path) -> None:
        """Fetches what ``place`` does not have yet, and checks all of it against the signed index."""
        for package in packages:
            path = place / package.file_name
            if is_whole(path, package):
                continue
            # Not `apt-get download`, which would begin a broken-off package again.
            self._run(APT_HELPER, "download-file", package.uri, str(path), package.digest)
            if not is_whole(path, package):
                path.unlink(missing_ok=True)
                text = f"{package.file_name}: not what the index says"
                raise LabError(LabExit.DAMAGED, text, hint="fetch it again")

    def _run(self, *command: str, cwd: Path | None = None) -> str:
        done = subprocess.run(
            command,
            cwd=cwd,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            raise failure(f"{' '.join(command[:3])} ({self.suite})", done.stdout + done.stderr)
        return done.stdout


def failure(what: str, told: str) -> LabError:
    """The error that a tool's text speaks of."""
    text = (
        "; ".join(line.strip() for line in told.splitlines() if line.startswith(("E:", "dpkg", "tar:"))) or told[-500:]
    )
    if any(words in told for words in FULL):
        hint = "make room, or set BLKMQ_CACHE_DIR to a directory on another disk; `blkmq lab clean` empties the lab's"
        return LabError(LabExit.NO_SPACE, f"{what}: the disk is full: {text}", hint=hint)
    if any(words in told for words in DAMAGED):
        hint = "try again: if it stays so, the mirror is damaged or its index is not signed by Debian"
        return LabError(LabExit.DAMAGED, f"{what}: damaged: {text}", hint=hint)
    if "Unable to locate package" in told or "No packages found" in told or "Can't find a source" in told:
        return LabError(LabExit.GONE, f"{what}: the archive does not have it: {text}", hint="`blkmq lab kernels`")
    hint = "is the mirror of apt's sources reachable?"
    return LabError(LabExit.NO_NETWORK, f"{what} failed: {text}", hint=hint)


def is_whole(path: Path, package: Package) -> bool:
    """Whether a file is what the signed index says."""
    if not path.is_file() or path.stat().st_size != package.size:
        return False
    algorithm, _, wanted = package.digest.partition(":")
    with path.open("rb") as file:
        return hashlib.file_digest(file, algorithm.lower()).hexdigest() == wanted
