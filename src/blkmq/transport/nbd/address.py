# SPDX-License-Identifier: MIT
"""Where clients find a door: a Unix socket, or a TCP port of this machine alone."""

from __future__ import annotations

import errno
import ipaddress
import os
import socket
import stat
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from blkmq.abi.nbd import NBD_PORT
from blkmq.mq.errors import BlkmqError, ConfigError

PATH_BYTES_MAX = 107  #: of a Unix socket: sizeof(sun_path) - 1
BACKLOG = 1024


class AddressError(BlkmqError):
    """Nobody can listen there."""


@dataclass(frozen=True)
class UnixAddress:
    """The path of a Unix socket."""

    path: Path

    def uri(self, name: str) -> str:
        """The NBD URI of an export here; "" is the default export."""
        return f"nbd+unix:///{quote(name, safe='')}?socket={quote(str(self.path))}"

    def listen(self) -> socket.socket:
        """A listening socket; one that a dead process left behind is replaced."""
        place = os.fsencode(self.path)
        if len(place) > PATH_BYTES_MAX:
            raise AddressError(
                f"{self.path}: a Unix socket's path may have {PATH_BYTES_MAX} bytes, this one has {len(place)}",
                hint="give a shorter path",
            )
        self.remove_stale()
        listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_CLOEXEC | socket.SOCK_NONBLOCK)
        try:
            listener.bind(place)
            listener.listen(BACKLOG)
        except OSError as error:
            listener.close()
            raise AddressError(f"{self.path}: {error.strerror}", hint=_bind_hint(error, self.path)) from error
        return listener

    def remove_stale(self) -> None:
        """Removes a socket that a dead process left; an AddressError if it is anything else, nothing if it is gone."""
        try:
            mode = self.path.lstat().st_mode
        except OSError:
            return  # nothing there, or bind() says why not
        if not stat.S_ISSOCK(mode):
            raise AddressError(f"{self.path} is there and is no socket", hint="give another path, or remove it")
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
            try:
                probe.connect(os.fsencode(self.path))
            except ConnectionRefusedError:
                self.path.unlink(missing_ok=True)
            except OSError as error:
                raise AddressError(f"{self.path}: {error.strerror}", hint="give another path") from error
            else:
                raise AddressError(
                    f"{self.path}: another process serves this socket", hint="give another path, or end that process"
                )

    def remove(self) -> None:
        """The socket is not served any more."""
        self.path.unlink(missing_ok=True)


def _bind_hint(error: OSError, path: Path) -> str:
    if error.errno == errno.ENOENT:
        return f"make the directory first: mkdir -p {path.parent}"
    if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
        return f"choose a directory that you can write; {path.parent} is not one"
    return "give another path"


@dataclass(frozen=True)
class TcpAddress:
    """A port on a loopback address."""

    host: str
    port: int

    def uri(self, name: str) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"nbd://{host}:{self.port}/{quote(name, safe='')}"

    def listen(self) -> socket.socket:
        family = socket.AF_INET6 if ":" in self.host else socket.AF_INET
        listener = socket.socket(family, socket.SOCK_STREAM | socket.SOCK_CLOEXEC | socket.SOCK_NONBLOCK)
        try:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind((self.host, self.port))
            listener.listen(BACKLOG)
        except OSError as error:
            listener.close()
            taken = error.errno == errno.EADDRINUSE
            hint = "give another port; 0 takes a free one" if taken else "give another address"
            raise AddressError(f"{self.host}:{self.port}: {error.strerror}", hint=hint) from error
        return listener

    def remove(self) -> None:
        """A port needs no tidying up."""


Address = UnixAddress | TcpAddress


def tcp_address(text: str) -> TcpAddress:
    """``HOST:PORT`` or ``[HOST]:PORT``; HOST is this machine's loopback, PORT 10809 if left out."""
    host, colon, port = text.rpartition(":")
    if not colon or "]" in port:
        host, port = text, str(NBD_PORT)
    host = host.removeprefix("[").removesuffix("]") or "127.0.0.1"
    host = "127.0.0.1" if host == "localhost" else host
    try:
        number = int(port)
        loopback = ipaddress.ip_address(host).is_loopback
    except ValueError:
        number, loopback = -1, True
    if not 0 <= number < 1 << 16:
        raise ConfigError("listen", text, "is no HOST:PORT", hint="as in 127.0.0.1:10809, [::1]:0")
    if not loopback:
        raise ConfigError(
            "listen",
            text,
            "NBD without TLS stays on this machine",
            hint="listen on 127.0.0.1 or [::1], and reach it from elsewhere by `ssh -L`",
        )
    return TcpAddress(host, number)


def bound(address: Address, listener: socket.socket) -> Address:
    """The address with the port that the system chose."""
    if isinstance(address, TcpAddress):
        return TcpAddress(address.host, listener.getsockname()[1])
    return address
