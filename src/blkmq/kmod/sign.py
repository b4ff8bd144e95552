# SPDX-License-Identifier: MIT
"""Signs a module with a key of the user's, for kernels that take signed ones only."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from pathlib import Path

from blkmq.kmod.kbuild import Headers
from blkmq.mq.errors import BlkmqError

HASH = "sha256"


def sign(module: bytes, headers: Headers, key: Path, certificate: Path) -> bytes:
    """The module with its signature behind it, made by the kernel's own ``scripts/sign-file``; both files are PEM."""
    with tempfile.TemporaryDirectory(prefix="blkmq-sign-") as temporary:
        directory = Path(temporary)
        (directory / "module.ko").write_bytes(module)
        for name, path in (("key.pem", key), ("certificate.pem", certificate)):
            if not path.is_file():
                raise BlkmqError(
                    f"{path}: no such file", hint="openssl req -x509 -newkey rsa:2048 makes key and certificate"
                )
            shutil.copy(path, directory / name)
        (directory / "key.pem").chmod(0o600)
        words = [str(headers.path / "scripts/sign-file"), HASH]
        words += [str(directory / name) for name in ("key.pem", "certificate.pem", "module.ko")]
        run = subprocess.run(
            headers.within(words, directory), stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False
        )
        if run.returncode:
            told = (run.stderr or run.stdout).strip()
            raise BlkmqError(
                f"the module was not signed: {told}", hint="key and certificate are PEM files, without passphrase"
            )
        return (directory / "module.ko").read_bytes()
