"""A server in a process of its own, and callers, for `serve_latency.py` and `serve_load.py`."""

from __future__ import annotations

import argparse
import http.client
import json
import os
import re
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

BOUNDARY = "clewboundary"


def questions(about: str) -> argparse.ArgumentParser:
    """The options that both have; `about` their documentation."""
    parser = argparse.ArgumentParser(description=about.splitlines()[0])
    parser.add_argument("picture", type=Path)
    parser.add_argument("--ticket", type=Path, required=True)
    parser.add_argument("--form", default="sparse")
    parser.add_argument("--faces", default="auto")
    parser.add_argument("--out", type=Path)
    return parser


@dataclass(frozen=True)
class Reply:
    """An answer."""

    status: int
    data: bytes
    seconds: float = 0.0


@dataclass(frozen=True)
class Running:
    """A server: its port, process, and the folder in which its private one lies."""

    port: int
    process: subprocess.Popen[bytes]
    temp: Path

    def files(self) -> int:
        """The files that it keeps, but for its lock."""
        return sum(name != "lock" for _, _, names in os.walk(self.temp) for name in names)  # folders may go meanwhile

    def handles(self) -> int:
        """The open files of the server's process."""
        return len(os.listdir(f"/proc/{self.process.pid}/fd"))

    def memory(self) -> tuple[float, float]:
        """Resident MiB of the server's process, and of it and its workers together (shared pages counted once)."""
        family = [self.process.pid, *_children(self.process.pid)]
        sizes = [_proportional(pid) for pid in family]
        return _resident(self.process.pid), sum(sizes)


@contextmanager
def running(*options: str) -> Iterator[Running]:
    """`clew serve` on a free port; ended by SIGTERM, after which nothing may be left of its folder."""
    with tempfile.TemporaryDirectory() as temp:
        command = [sys.executable, "-m", "clew.cli.main", "serve", "--port", "0", "--json", *options]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, env={**os.environ, "TMPDIR": temp})
        assert process.stdout is not None
        line = process.stdout.readline()
        if not line:
            raise SystemExit("the server did not start")
        port = int(re.findall(r":(\d+)/", json.loads(line)["url"])[0])
        try:
            yield Running(port, process, Path(temp))
        finally:
            process.send_signal(signal.SIGTERM)
            code = process.wait(120)
            left = [str(path) for path in Path(temp).rglob("clew-serve-*")]
            print(f"ended with code {code}, left behind: {left or 'nothing'}", file=sys.stderr)


def form(data: bytes, name: str = "face.jpg") -> tuple[bytes, dict[str, str]]:
    """A form with a file, and its headers."""
    head = f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="file"; filename="{name}"\r\n\r\n'
    body = head.encode() + data + f"\r\n--{BOUNDARY}--\r\n".encode()
    return body, {"Content-Type": f"multipart/form-data; boundary={BOUNDARY}"}


def posted(link: http.client.HTTPConnection, body: bytes, headers: dict[str, str], path: str = "/v1/scan") -> Reply:
    """The answer to an upload."""
    link.request("POST", path, body, headers)
    answer = link.getresponse()
    return Reply(answer.status, answer.read())


def _children(pid: int) -> list[int]:
    found = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return [*map(int, found), *(deeper for child in found for deeper in _children(int(child)))]


def _resident(pid: int) -> float:
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20


def _proportional(pid: int) -> float:
    try:
        text = Path(f"/proc/{pid}/smaps_rollup").read_text()
    except OSError:
        return 0.0
    return float(re.findall(r"^Pss:\s+(\d+)", text, re.MULTILINE)[0]) / 1024
