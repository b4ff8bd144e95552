# SPDX-License-Identifier: MIT
"""What a guest runs: a script that makes it look like this checkout, then the command."""

from __future__ import annotations

import os
import re
import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path

from blkmq.lab.tool import SYSTEM_PATH

#: Programs that stand before the guest's own while it starts.
GUEST_BIN = Path(__file__).parent / "guest_bin"
#: Of the environment here, what means nothing in a guest, or something else: sockets, terminals, places of a session.
LEFT_OUT = {"_", "PWD", "OLDPWD", "SHLVL", "TMPDIR", "DISPLAY", "NOTIFY_SOCKET", "MAKEFLAGS"}
PREFIXES_LEFT_OUT = ("XDG_", "DBUS_", "SSH_", "WAYLAND_", "LISTEN_")

STARTED = "started"  #: made when the command begins
DMESG = "dmesg.txt"
ROOT_TAG = "blkmq.root"  #: of this machine's files, as virtio-9p offers them

# virtme-ng's root caches nothing: every start of a program would read it again from the host.  So the command gets a
# root of its own: this machine's files as they were at the boot, cached, under a layer in the guest's memory.
ENTER = """\
set -e
at=/run/blkmq
box=/run/busybox  # from guest_bin/udevadm
[ -e $box ] || cp "$(command -v busybox)" $box
$box mkdir -p $at/host $at/layer $at/root
$box mount -t tmpfs -o mode=0755 layer $at/layer
$box mkdir $at/layer/upper $at/layer/work
$box mount -t 9p -o ro,cache=loose,version=9p2000.L,trans=virtio,access=any,msize=512000 {tag} $at/host
$box mount -t overlay -o lowerdir=$at/host,upperdir=$at/layer/upper,workdir=$at/layer/work root $at/root
for path in /proc /sys /dev /run {shared}; do $box mount --rbind $path $at/root$path; done
release=$($box uname -r)
$box mkdir -p $at/root/lib/modules
$box ln -sfn "$($box readlink /lib/modules/$release)" $at/root/lib/modules/$release
set +e
exec chroot $at/root {words}
"""

COMMAND = """\
{exports}
cd {directory} || exit 126
: >{run}/{started}
{command}
code=$?
dmesg >{run}/{dmesg}
exit $code
"""


def environment(more: Mapping[str, str]) -> dict[str, str]:
    """The environment of a command in the guest."""
    passed = {
        name: value
        for name, value in os.environ.items()
        if re.fullmatch(r"[A-Za-z_]\w*", name) and name not in LEFT_OUT and not name.startswith(PREFIXES_LEFT_OUT)
    }
    path = f"{os.environ.get('PATH', '')}:{SYSTEM_PATH}".strip(":")
    home = os.environ.get("HOME", "/root")
    ours = {"PATH": path, "HOME": home, "PYTHONDONTWRITEBYTECODE": "1", "SYSTEMD_IGNORE_CHROOT": "1"}
    return {**passed, **ours, **more}


def exports(variables: Mapping[str, str]) -> str:
    """Shell lines that make an environment."""
    return "\n".join(f"export {name}={shlex.quote(value)}" for name, value in variables.items())


def enter(words: Sequence[str], shared: Sequence[Path]) -> str:
    """A shell script that runs words in the command's root; ``shared`` are the same there and on the host."""
    places = " ".join(shlex.quote(str(path)) for path in shared)
    return ENTER.format(tag=ROOT_TAG, shared=places, words=shlex.join(words))


def command_script(command: Sequence[str], run: Path, directory: Path, variables: Mapping[str, str]) -> str:
    """A shell script that runs the command, and keeps what the kernel said."""
    return COMMAND.format(
        exports=exports(variables),
        directory=shlex.quote(str(directory)),
        run=shlex.quote(str(run)),
        started=STARTED,
        command=shlex.join(command),
        dmesg=DMESG,
    )
