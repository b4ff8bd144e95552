# SPDX-License-Identifier: MIT
"""A stand-in for virtme-ng and QEMU: a shell script that plays a guest's part, so that a test takes no boot."""

from __future__ import annotations

from pathlib import Path

import pytest

from blkmq.lab import vm

VIRTME = """\
#!/bin/sh
# Composes a machine as `virtme-run --dry-run --show-command` does.
set -e
for word; do
    case $last in --save-initramfs) : >"$word" ;; esac
    last=$word
done
touch "$TMPDIR/ret"
echo "{qemu} -chardev file,id=console,path=/proc/self/fd/2 -chardev file,id=ret,path=$TMPDIR/ret"
"""

QEMU = """\
#!/bin/sh
run=$(dirname "${{4##*path=}}")
console() {{ echo "[    1.000000] $*" >>"$run/console.log"; }}
start() {{ : >"$run/started"; }}
leave() {{ echo "$1" >"$run/ret"; exit 0; }}
hang() {{ exec sleep 1000; }}
console "Linux version 0"
{part}
"""


def play(part: str, directory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """From now on a machine plays ``part``: shell lines with console, start, leave and hang."""
    for name, text in (("virtme", VIRTME), ("qemu", QEMU)):
        path = directory / name
        path.write_text(text.format(qemu=directory / "qemu", part=part))
        path.chmod(0o755)
    monkeypatch.setattr(vm, "virtme", lambda *options: [str(directory / "virtme"), *options])
