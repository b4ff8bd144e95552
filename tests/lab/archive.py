# SPDX-License-Identifier: MIT
"""A Debian archive on the loopback interface: signed, its packages made here, and damaged where a test asks for it."""

from __future__ import annotations

import gzip
import hashlib
import re
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from email.utils import formatdate
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from blkmq.lab.apt import Mirror

SUITE = "trixie"


class LocalArchive:
    """The archive's files, its key, and the requests that it got."""

    def __init__(self, root: Path) -> None:
        self.files = root / "debian"
        self.keyring = root / "debian-archive-test.gpg"
        self.home = root / "gnupg"
        self.requests: list[tuple[str, str]] = []  #: path and Range
        self.port = 0
        self.cut_after: int | None = None  #: bytes of a package, after which the connection ends
        (self.files / "pool").mkdir(parents=True)
        self.home.mkdir(mode=0o700)
        self._gpg("--quick-gen-key", "--passphrase", "", "test <test@localhost>", "ed25519", "sign", "never")
        self.keyring.write_bytes(self._gpg("--export"))

    @property
    def mirror(self) -> Mirror:
        """As apt's sources would name it."""
        return Mirror(f"http://127.0.0.1:{self.port}/debian", self.keyring)

    def _gpg(self, *words: str, data: bytes = b"") -> bytes:
        command = ["gpg", "--homedir", str(self.home), "--batch", "--quiet", "--pinentry-mode", "loopback", *words]
        return subprocess.run(command, input=data, capture_output=True, check=True).stdout

    def add(self, name: str, version: str, files: dict[str, str | bytes]) -> Path:
        """A package with some files; publish() puts it into the index."""
        tree = self.files.parent / "tree" / f"{name}_{version}"
        (tree / "DEBIAN").mkdir(parents=True)
        control = f"Package: {name}\nVersion: {version}\nArchitecture: amd64\nMaintainer: test\nDescription: test\n"
        (tree / "DEBIAN/control").write_text(control)
        for path, content in files.items():
            place = tree / path.lstrip("/")
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_bytes(content if isinstance(content, bytes) else content.encode())
        package = self.files / f"pool/{name}_{version}_amd64.deb"
        subprocess.run(["dpkg-deb", "-Znone", "--root-owner-group", "-b", str(tree), str(package)],
                       capture_output=True, check=True)  # fmt: skip
        return package

    def publish(self, suite: str = SUITE) -> None:
        """Writes the signed index of all packages."""
        index = ""
        for package in sorted((self.files / "pool").iterdir()):
            control = subprocess.run(
                ["dpkg-deb", "-f", str(package)], capture_output=True, text=True, check=True
            ).stdout
            data = package.read_bytes()
            index += f"{control}Filename: pool/{package.name}\nSize: {len(data)}\n"
            index += f"SHA256: {hashlib.sha256(data).hexdigest()}\n\n"
        place = self.files / f"dists/{suite}/main/binary-amd64"
        place.mkdir(parents=True, exist_ok=True)
        release = (
            f"Suite: {suite}\nCodename: {suite}\nDate: {formatdate(usegmt=True)}\nArchitectures: amd64\n"
            "Components: main\nAcquire-By-Hash: no\nSHA256:\n"
        )
        for name, data in (("Packages", index.encode()), ("Packages.gz", gzip.compress(index.encode()))):
            (place / name).write_bytes(data)
            release += f" {hashlib.sha256(data).hexdigest()} {len(data)} main/binary-amd64/{name}\n"
        (place.parents[1] / "InRelease").write_bytes(self._gpg("--clearsign", data=release.encode()))

    @contextmanager
    def serve(self) -> Iterator[None]:
        """Answers on a port of the loopback interface."""
        archive = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, format: str, *args: object) -> None:
                pass

            def do_GET(self) -> None:
                wanted = self.headers.get("Range", "")
                archive.requests.append((self.path, wanted))
                path = archive.files.parent / self.path.replace("%2b", "+").replace("%7e", "~").lstrip("/")
                if not path.is_file():
                    self.send_error(HTTPStatus.NOT_FOUND)
                    return
                data = path.read_bytes()
                begin = int(found[1]) if (found := re.match(r"bytes=(\d+)-", wanted)) else 0
                self.send_response(HTTPStatus.PARTIAL_CONTENT if begin else HTTPStatus.OK)
                if begin:
                    self.send_header("Content-Range", f"bytes {begin}-{len(data) - 1}/{len(data)}")
                self.send_header("Last-Modified", formatdate(path.stat().st_mtime, usegmt=True))
                self.send_header("Accept-Ranges", "bytes")
                self.send_header("Content-Length", str(len(data) - begin))
                self.end_headers()
                cut = archive.cut_after if self.path.endswith(".deb") else None
                self.wfile.write(data[begin:][:cut])
                if cut is not None:
                    self.close_connection = True

        server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        server.daemon_threads = True
        self.port = server.server_port
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield
        finally:
            server.shutdown()
            thread.join()
            server.server_close()
