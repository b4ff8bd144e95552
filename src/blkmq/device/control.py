# SPDX-License-Identifier: MIT
"""Questions to a device in service: one JSON line each way over a Unix socket in its runtime directory."""

from __future__ import annotations

import errno
import json
import logging
import os
import socket
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

from blkmq.device.runtime_directory import DeviceError
from blkmq.mq.errors import BlkmqError, ConfigError

LINE_BYTES_MAX = 1 << 20
PATIENCE_SEC = 30.0

Question = dict[str, Any]
Answerer = Callable[[Question], Any]


class ControlThread(threading.Thread):
    """Answers until the process ends; one question at a time."""

    def __init__(self, path: Path, answerer: Answerer) -> None:
        super().__init__(name="control", daemon=True)
        self._answerer = answerer
        self._listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._listener.bind(os.fsencode(path))
        self._listener.listen()

    def run(self) -> None:
        while True:
            client, _ = self._listener.accept()
            with client:
                client.settimeout(PATIENCE_SEC)
                try:
                    line = client.makefile("rb").readline(LINE_BYTES_MAX)
                    client.sendall(json.dumps(self._answer(line)).encode() + b"\n")
                except OSError as error:
                    logging.getLogger("blkmq").info("a question was broken off: %s", error)

    def _answer(self, line: bytes) -> dict[str, Any]:
        try:
            question = json.loads(line)
            if not isinstance(question, dict):
                raise BlkmqError("a question is a JSON object")
            return {"answer": self._answerer(question)}
        except ConfigError as error:
            told = {name: getattr(error, name) for name in ("field", "rule", "hint", "errno")}
            return {"error": error.text, "config": {**told, "value": str(error.value)}, "hint": error.hint}
        except BlkmqError as error:
            return {"error": error.text, "hint": error.hint}
        except ValueError:
            return {"error": "a question is one line of JSON", "hint": ""}


def ask(path: Path, question: Question) -> Any:
    """The answer of the device whose control socket this is; a DeviceError if it refuses or is gone."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as client:
        client.settimeout(PATIENCE_SEC)
        try:
            client.connect(os.fsencode(path))
            client.sendall(json.dumps(question).encode() + b"\n")
            reply = json.loads(client.makefile("rb").readline())
        except (OSError, ValueError) as error:
            raise DeviceError(
                f"{path.parent.name} does not answer: {error}", hint="`blkmq list` says who lives"
            ) from error
    if "config" in reply and reply["config"]["errno"] != errno.EBUSY:
        raise ConfigError(**reply["config"])
    if "error" in reply:
        raise DeviceError(reply["error"], hint=reply["hint"])
    return reply["answer"]
