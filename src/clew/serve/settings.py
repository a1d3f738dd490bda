"""What a server is told when it starts."""

from __future__ import annotations

import ipaddress
import os
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from clew.base.errors import ClewError
from clew.runtime.load import cores
from clew.serve.limits import Limits

TOKEN, SHORTEST = "CLEW_TOKEN", 16  # letters
LOOPBACK = ("localhost", "127.0.0.1", "[::1]")
SCANNER, SCORER = "clew.serve.scanning:scanner", "clew.serve.scoring:scorer"


@dataclass(frozen=True)
class ServeSettings:
    """How a server runs; raises ClewError for what would be unsafe or impossible.

    `ticket` the default one (None: of the ladder the sparsest); `ladder` a folder of tickets; `scan` fields of
    `clew.scan.settings.ScanSettings`; `names` under which it may be called beside those of loopback; `token` without
    which nothing is answered ("": none is asked for, on loopback alone); `workers` 0: one for each core, at least two;
    `grace_s` seconds for what runs when it is told to end; `temp` where its private folder goes; `scanner` and
    `scorer`: the functions that do the work in the worker processes.
    """

    ticket: Path | None = None
    ladder: Path | None = None
    host: str = "127.0.0.1"
    port: int = 8080
    names: tuple[str, ...] = ()
    token: str = field(default="", repr=False)
    workers: int = 0
    grace_s: float = 20.0
    scan: Mapping[str, Any] = field(default_factory=dict)
    limits: Limits = field(default_factory=Limits)
    temp: Path | None = None
    scanner: str = SCANNER
    scorer: str = SCORER

    def __post_init__(self) -> None:
        if not 0 <= self.port <= 65535:
            raise ClewError(f"--port {self.port}: expected 0 to 65535.")
        if self.workers < 0:
            raise ClewError(f"--workers {self.workers}: expected 1 or more, or 0 for one a core.")
        if self.grace_s < 0:
            raise ClewError(f"--grace {self.grace_s:g}: expected 0 or more seconds.")
        if not self.token and not self.private:
            raise ClewError("a token is needed where others can reach the server.")

    @property
    def private(self) -> bool:
        """Whether it answers this machine alone."""
        return all(map(is_loopback, (self.host, *self.names)))

    def url(self, port: int) -> str:
        """Where a browser on this machine finds it."""
        host = "localhost" if self.host in ("0.0.0.0", "::", *LOOPBACK) else self.host
        return f"http://{f'[{host}]' if ':' in host else host}:{port}/"

    @property
    def hosts(self) -> tuple[str, ...]:
        """The names that a request's Host may have, lower case; none: any, since a token is asked for."""
        if not is_loopback(self.host) and not self.names:
            return ()
        own = f"[{self.host}]" if ":" in self.host else self.host
        return tuple(dict.fromkeys(name.lower() for name in (*LOOPBACK, own, *self.names)))

    @property
    def worker_count(self) -> int:
        """Of those that scan; at least two, so that a long video leaves one."""
        return self.workers or max(2, cores())


def token_for(host: str, names: tuple[str, ...]) -> tuple[str, bool]:
    """The token of a server, and whether it was made just now: $CLEW_TOKEN, else one where others can reach it."""
    given = os.environ.get(TOKEN, "")
    if given:
        if len(given) < SHORTEST or not given.isascii() or not given.isprintable():
            raise ClewError(f"${TOKEN} is no good token: expected {SHORTEST} or more plain letters.")
        return given, False
    needed = not all(map(is_loopback, (host, *names)))
    return (secrets.token_urlsafe(24), True) if needed else ("", False)


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach an address."""
    if host.lower() == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False
