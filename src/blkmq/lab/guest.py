# SPDX-License-Identifier: MIT
"""What a guest runs: a script that makes it look like this checkout, then the command."""

from __future__ import annotations

import os
import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path

#: Programs that stand before the guest's own while it starts.
GUEST_BIN = Path(__file__).parent / "guest_bin"
#: Where root's programs are, which an ordinary user's PATH lacks.
SYSTEM_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
#: Of the environment here, what a command in the guest gets.
PASSED_ON = ("LANG", "LC_ALL", "TERM", "COLORTERM", "NO_COLOR", "FORCE_COLOR", "VIRTUAL_ENV", "PYTHONPATH", "CI")
PREFIXES_PASSED_ON = ("BLKMQ_", "HYPOTHESIS_", "NUMBA_")

STARTED = "started"  #: made when the command begins
DMESG = "dmesg.txt"

SCRIPT = """\
# What the guest ran, for repeating it by hand.
cd {directory} || exit 126
{exports}
: >{run}/{started}
{command}
code=$?
dmesg >{run}/{dmesg}
exit $code
"""


def environment(more: Mapping[str, str]) -> dict[str, str]:
    """The environment of a command in the guest."""
    passed = {
        name: value for name, value in os.environ.items() if name in PASSED_ON or name.startswith(PREFIXES_PASSED_ON)
    }
    path = f"{os.environ.get('PATH', '')}:{SYSTEM_PATH}".strip(":")
    home = os.environ.get("HOME", "/root")
    return {**passed, "PATH": path, "HOME": home, "PYTHONDONTWRITEBYTECODE": "1", **more}


def script(command: Sequence[str], run: Path, directory: Path, variables: Mapping[str, str]) -> str:
    """The text of a shell script for the guest.  ``run`` is shared with the host, at the same place."""
    return SCRIPT.format(
        directory=shlex.quote(str(directory)),
        exports="\n".join(f"export {name}={shlex.quote(value)}" for name, value in variables.items()),
        run=shlex.quote(str(run)),
        started=STARTED,
        dmesg=DMESG,
        command=shlex.join(command),
    )
