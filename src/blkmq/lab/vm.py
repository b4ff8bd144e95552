# SPDX-License-Identifier: MIT
"""A virtual machine: virtme-ng composes it, QEMU runs it as a child that dies with us."""

from __future__ import annotations

import os
import re
import shlex
import signal
import subprocess
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from blkmq.lab.accelerator import DEVICE, kvm_boots
from blkmq.lab.guest import GUEST_BIN, ROOT_TAG
from blkmq.lab.lab_error import LabError, LabExit
from blkmq.lab.tool import SYSTEM_PATH, program, require, search_path, virtme_run

CPUS = 2
MEMORY = "2G"
CONSOLE = "console.log"
#: An emulated CPU can be slow without being stuck.
PATIENCE = ("watchdog_thresh=30", "rcupdate.rcu_cpu_stall_timeout=60")
SHAREABLE = re.compile(r"[A-Za-z0-9_/.+-]+")  #: paths of directories that a guest may write to
#: What virtme-ng's root needs to be writable: where the kernel looks for its modules.
OVERLAID = "/usr/lib"

# Where virtme-ng sends the guest's console, for a command and for a shell; we keep it apart from what these write.
_CONSOLES = ("file,id=console,path=/proc/self/fd/2", "file,path=/proc/self/fd/2,id=dmesg")
_EXIT_CODE_CHARDEV = re.compile(r"^file,id=ret,path=(.+)$")


@dataclass(frozen=True, kw_only=True)
class Machine:
    """What to boot, and on what."""

    vmlinuz: Path
    cpus: int = CPUS
    memory: str = MEMORY
    kvm: bool = False
    icount: bool = False  #: one guest instruction takes one virtual nanosecond, always
    plugin: str = ""  #: a TCG plugin's path, with its arguments
    kernel_arguments: Sequence[str] = ()


class Vm:
    """A running guest.  Use as a context manager: leaving it ends the guest."""

    def __init__(
        self,
        machine: Machine,
        run: Path,
        script: Path,
        *,
        shared: Sequence[Path] = (),
        stdin: int | IO[Any] = subprocess.DEVNULL,
    ) -> None:
        """Boots.  ``run`` takes the console; the guest may write to the directories in ``shared``."""
        self.run = run
        command = compose(machine, run, command_options(f"exec sh {shlex.quote(str(script))}"), shared)
        self._exit_code_file = next(Path(found[1]) for word in command if (found := _EXIT_CODE_CHARDEV.match(word)))
        (run / "qemu.txt").write_text(shlex.join(command) + "\n")
        self._process = subprocess.Popen(
            [program("setpriv"), "--pdeathsig", "KILL", "--", *command],
            stdin=stdin,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,  # Ctrl-C is for us, who then end it
        )
        self._pumps: list[threading.Thread] = []
        self._unheard: OSError | None = None  #: why nobody takes what the command writes any more

    @property
    def stdin(self) -> IO[bytes]:
        """The command's, if it was asked for as a pipe."""
        assert self._process.stdin is not None
        return self._process.stdin

    @property
    def stdout(self) -> IO[bytes]:
        """The command's, unless :meth:`pump` reads it."""
        assert self._process.stdout is not None
        return self._process.stdout

    def pump(self, out: Callable[[bytes], object] | None, err: Callable[[bytes], object]) -> None:
        """Passes on what the command writes, in threads of their own."""
        assert self._process.stderr is not None
        if out is not None:
            self._start_pump(self.stdout, out)
        self._start_pump(self._process.stderr, err)

    def _start_pump(self, stream: IO[bytes], sink: Callable[[bytes], object]) -> None:
        def work() -> None:
            while piece := read():
                try:
                    sink(piece)
                except OSError as error:
                    self._unheard = error
                    return

        def read() -> bytes:
            try:
                return stream.read1(1 << 16)  # type: ignore[attr-defined, no-any-return]
            except ValueError:  # closed: Ctrl-C came before this thread was noted down for end()
                return b""

        thread = threading.Thread(target=work, name="guest output", daemon=True)
        thread.start()
        self._pumps.append(thread)

    def wait(self, seconds: float) -> int | None:
        """QEMU's exit code, or None if it still runs after ``seconds``; an OSError if nobody takes what it writes."""
        try:
            code = self._process.wait(seconds)
        except subprocess.TimeoutExpired:
            code = None
        else:
            for thread in self._pumps:
                thread.join()
        if self._unheard is not None:
            raise self._unheard
        return code

    def exit_code(self) -> int | None:
        """The command's, once it has ended."""
        try:
            text = self._exit_code_file.read_text().strip()
        except FileNotFoundError:
            return None
        return int(text) if text.isdigit() else None

    def console(self) -> str:
        """All that the guest's kernel has said on its console."""
        return console_of(self.run)

    def end(self) -> None:
        """Ends the guest, whatever it does."""
        if self._process.poll() is None:
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
        for thread in self._pumps:
            thread.join()
        for stream in (self._process.stdin, self._process.stdout, self._process.stderr):
            if stream is not None:
                stream.close()
        self._exit_code_file.unlink(missing_ok=True)
        (self.run / "initramfs").unlink(missing_ok=True)

    def __enter__(self) -> Vm:
        return self

    def __exit__(self, *_: object) -> None:
        self.end()


def console_of(run: Path) -> str:
    """What a guest's kernel has said on the console that is kept in ``run``."""
    try:
        return (run / CONSOLE).read_text(errors="replace").replace("\r", "")
    except FileNotFoundError:
        return ""


def virtme(*options: str) -> list[str]:
    """A command line of virtme-ng's; :class:`LabError` if this machine cannot boot a guest."""
    runner = virtme_run()
    require("boot")
    return [str(runner), *options]


def machine_options(machine: Machine, shared: Sequence[Path]) -> list[str]:
    """What both a command and a shell need of the machine."""
    options = ["--kimg", str(machine.vmlinuz), "--mods", "auto", "--force-9p", "--no-dhcp"]
    options += ["--cpus", "1" if machine.icount else str(machine.cpus), "--memory", machine.memory]
    if not machine.kvm:
        options.append("--disable-kvm")
    options += ["--overlay-rwdir", OVERLAID]
    for path in shared:
        if not SHAREABLE.fullmatch(str(path)):  # it is in the kernel's command line
            hint = "only ASCII letters, digits and _ . + - are possible: choose another directory"
            raise LabError(LabExit.VM_BROKE, f"{path}: a guest cannot have it by that name", hint=hint)
        options += ["--rwdir", str(path)]
    # Found before the guest's own programs while it starts; see guest_bin.
    arguments = [f"PATH={GUEST_BIN}:{SYSTEM_PATH}", "audit=0", *machine.kernel_arguments]
    if not machine.kvm:
        arguments += PATIENCE
    for argument in arguments:
        options += ["--kopt", argument]
    root = [
        "-fsdev", f"local,id={ROOT_TAG},path=/,security_model=none,readonly=on,multidevs=remap",
        "-device", f"virtio-9p-pci,fsdev={ROOT_TAG},mount_tag={ROOT_TAG}",
    ]  # fmt: skip
    counting = ("-icount", "shift=0") if machine.icount else ()
    plugin = ("-plugin", machine.plugin) if machine.plugin else ()
    for word in ("-nodefaults", *root, *counting, *plugin):
        options.append(f"--qemu-opt={word}")
    return options


def compose(machine: Machine, run: Path, options: Sequence[str], shared: Sequence[Path]) -> list[str]:
    """QEMU's command line for a guest that runs what ``options`` of virtme-ng say, its console in a file of ``run``."""
    initramfs = run / "initramfs"
    initramfs.unlink(missing_ok=True)
    options = [*machine_options(machine, shared), *options, "--force-initramfs", "--save-initramfs", str(initramfs)]
    done = subprocess.run(
        virtme(*options, "--dry-run", "--show-command"),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        env=virtme_environment(run),
    )
    lines = [shlex.split(line) for line in done.stdout.splitlines() if any(console in line for console in _CONSOLES)]
    if done.returncode or len(lines) != 1:
        told = (done.stderr or done.stdout).strip()
        raise LabError(LabExit.VM_BROKE, f"virtme-ng cannot boot {machine.vmlinuz}: {told}", hint="`blkmq doctor`")
    kept = f"path={run / CONSOLE}"
    return [word.replace("path=/proc/self/fd/2", kept) if word in _CONSOLES else word for word in lines[0]]


def command_options(command: str) -> list[str]:
    """virtme-ng's for a guest that runs a shell command and then ends."""
    return ["--script-sh", command, "--show-boot-console", "--verbose"]


def shell_options(start: Path) -> list[str]:
    """virtme-ng's for a guest with a program on this terminal; all that its kernel says goes to the console."""
    kernel = [f"--kopt={argument}" for argument in ("ignore_loglevel", "panic=-1")]
    return ["--shell", str(start), *kernel, "--qemu-opt=-no-reboot"]


def virtme_environment(run: Path) -> dict[str, str]:
    """For virtme-ng: its temporary files in ``run``, and root's programs."""
    return os.environ | {"TMPDIR": str(run), "PATH": search_path()}


def choose_accelerator(wanted: str, vmlinuz: Path, say: Callable[[str], None]) -> bool:
    """Whether to use KVM: ``auto`` where a guest boots with it, ``kvm`` or an error, ``tcg`` never."""
    if wanted == "tcg":
        return False
    boots = kvm_boots(vmlinuz)
    if wanted == "kvm" and not boots:
        text = f"{DEVICE} exists, but no guest boots with it" if DEVICE.exists() else f"there is no {DEVICE}"
        raise LabError(LabExit.NO_KVM, text, hint="--accel tcg emulates")
    if not boots and DEVICE.exists():
        say(f"{DEVICE} exists, but no guest boots with it: emulating")
    return boots
