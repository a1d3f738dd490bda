"""The service under steady load, and under hostile uploads: memory and files over time, every answer as it should be.

    python benchmarks/serve_load.py PICTURE --ticket TICKET --minutes 30 --out results.json
    python benchmarks/serve_load.py PICTURE --ticket TICKET --minutes 0 --hostile 200

The hostile mix sends so many uploads at once, a third of them broken or hostile. A good one must be answered as it is
alone, a bad one by a 4xx.
"""

from __future__ import annotations

import http.client
import io
import json
import socket
import struct
import threading
import time
import zipfile
import zlib
from collections import Counter
from collections.abc import Callable
from typing import Any

import numpy as np

from serve_parts import BOUNDARY, Reply, Running, form, posted, questions, running

EVERY_S = 10.0
CLIENTS = 4


def bomb(side: int = 30000) -> bytes:
    """A PNG of a few megabytes that becomes gigabytes."""
    row = zlib.compress(b"\0" * (1 + 3 * side) * 1000, 9)

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    head = struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", row) * (side // 1000) + chunk(b"IEND", b"")


def zipped(inner: bytes) -> bytes:
    """A ZIP archive."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("../../evil.jpg", inner)
    return out.getvalue()


def bad_files(good: bytes) -> list[tuple[str, bytes]]:
    """Files that are no pictures or videos, by the names that they claim."""
    noise = np.random.default_rng(0).bytes(50_000)
    mp4 = b"\x00\x00\x00\x20ftypisom\x00\x00\x02\x00isomiso2avc1mp41"
    return [
        ("bomb.png", bomb()),
        ("zip.jpg", zipped(good)),
        ("polyglot.jpg", b"PK\x03\x04" + good),
        ("polyglot.png", b"%PDF-1.4\n" + good),
        ("script.svg", b"<svg xmlns='http://www.w3.org/2000/svg' onload='alert(1)'/>"),
        ("playlist.mp4", b"#EXTM3U\n#EXTINF:1,\nfile:///etc/passwd\n"),
        ("list.mp4", b"ffconcat version 1.0\nfile /etc/passwd\n"),
        ("noise.mp4", mp4 + noise),
        ("noise.jpg", b"\xff\xd8\xff" + noise),
        ("noise.webm", b"\x1aE\xdf\xa3" + noise),
        ("half.jpg", good[: len(good) // 2]),
        ("empty.jpg", b""),
        ("../../../etc/passwd", b"root:x:0:0"),
        ("..\\..\\evil.exe", b"MZ" + noise),
        (
            "wide.png",
            b"\x89PNG\r\n\x1a\n"
            + struct.pack(">I", 13)
            + b"IHDR"
            + struct.pack(">IIBBBBB", 2**31 - 1, 1, 8, 2, 0, 0, 0),
        ),
        ("gif.gif", b"GIF89a" + noise),
    ]


def endless(port: int) -> Reply:
    """A stream that does not end."""
    head, headers = form(b"")
    begun = _head("Transfer-Encoding: chunked", headers) + _chunk(head[: head.index(b"\r\n\r\n") + 4])
    return _streamed(port, begun, _pour)


def trickle(port: int) -> Reply:
    """A stream of a byte a second."""
    _, headers = form(b"")
    return _streamed(port, _head("Content-Length: 100000", headers) + f"--{BOUNDARY}\r\n".encode(), _drip)


def _streamed(port: int, begun: bytes, go_on: Callable[[socket.socket, threading.Event], None]) -> Reply:
    """The answer to a request that goes on until there is one."""
    with socket.create_connection(("127.0.0.1", port), timeout=120) as link:
        link.sendall(begun)
        stop = threading.Event()
        threading.Thread(target=go_on, args=(link, stop), daemon=True).start()
        reply = _reply(link)
        stop.set()
        return reply


def liar(port: int) -> Reply:
    """Fewer bytes than were announced, and then nothing."""
    body, headers = form(b"\xff\xd8\xff")
    with socket.create_connection(("127.0.0.1", port), timeout=120) as link:
        link.sendall(_head("Content-Length: 1000000", headers) + body)
        return _reply(link)


def _head(length: str, headers: dict[str, str]) -> bytes:
    told = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    return f"POST /v1/scan HTTP/1.1\r\nHost: localhost\r\n{length}\r\n{told}\r\n".encode()


def _chunk(data: bytes) -> bytes:
    return b"%x\r\n%s\r\n" % (len(data), data)


def _pour(link: socket.socket, stop: threading.Event) -> None:
    piece = _chunk(b"x" * 65536)
    try:
        while not stop.is_set():
            link.sendall(piece)
    except OSError:
        pass


def _drip(link: socket.socket, stop: threading.Event) -> None:
    try:
        while not stop.wait(1.0):
            link.sendall(b"x")
    except OSError:
        pass


def _reply(link: socket.socket) -> Reply:
    found = b""
    while b"\r\n\r\n" not in found:
        piece = link.recv(65536)
        if not piece:
            return Reply(0, found)
        found += piece
    return Reply(int(found.split(b" ", 2)[1]), found)


def upload(port: int, data: bytes, name: str) -> Reply:
    """One upload on a connection of its own."""
    link = http.client.HTTPConnection("127.0.0.1", port, timeout=300)
    try:
        return posted(link, *form(data, name))
    finally:
        link.close()


def hostile(server: Running, good: bytes, count: int) -> dict[str, Any]:
    """So many uploads at once, every third a bad one."""
    alone = json.loads(upload(server.port, good, "face.jpg").data)
    files = bad_files(good)
    streams: list[tuple[str, Callable[[int], Reply]]] = [("endless", endless), ("trickle", trickle), ("liar", liar)]
    before, replies = server.memory(), [Reply(0, b"")] * count
    names = [""] * count

    def work(at: int) -> None:
        number = at // 3
        if at % 3:
            names[at], replies[at] = "good", upload(server.port, good, "face.jpg")
        elif number % 6 == 5:
            name, send = streams[number // 6 % 3]
            names[at], replies[at] = name, send(server.port)
        else:
            name, data = files[number % len(files)]
            names[at], replies[at] = name, upload(server.port, data, name)

    threads = [threading.Thread(target=work, args=(at,)) for at in range(count)]
    begun = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    right = sum(names[at] == "good" and _same(one, alone) for at, one in enumerate(replies))
    bad = Counter(f"{names[at]}: {one.status}" for at, one in enumerate(replies) if names[at] != "good")
    return {
        "uploads": count,
        "seconds": round(time.perf_counter() - begun, 1),
        "good": names.count("good"),
        "right": right,
        "bad": count - names.count("good"),
        "refused_4xx": sum(names[at] != "good" and 400 <= one.status < 500 for at, one in enumerate(replies)),
        "answers": dict(sorted(bad.items())),
        "mib_before": [round(one, 1) for one in before],
        "mib_after": [round(one, 1) for one in server.memory()],
    }


def _same(reply: Reply, alone: dict[str, Any]) -> bool:
    return reply.status == 200 and json.loads(reply.data) == alone


def steady(server: Running, good: bytes, minutes: float) -> list[dict[str, float]]:
    """Uploads without a pause; memory and files every ten seconds."""
    stop, done = threading.Event(), [0] * CLIENTS

    def work(at: int) -> None:
        while not stop.is_set():
            if upload(server.port, good, "face.jpg").status == 200:
                done[at] += 1

    threads = [threading.Thread(target=work, args=(at,)) for at in range(CLIENTS)]
    for thread in threads:
        thread.start()
    begun, found = time.monotonic(), []
    while time.monotonic() - begun < 60 * minutes:
        time.sleep(min(EVERY_S, 60 * minutes))
        own, together = server.memory()
        seconds = round(time.monotonic() - begun, 1)
        found.append(
            {
                "s": seconds,
                "scans": sum(done),
                "mib_server": round(own, 1),
                "mib_all": round(together, 1),
                "files": server.files(),
                "handles": server.handles(),
            }
        )
        print(json.dumps(found[-1]), flush=True)
    stop.set()
    for thread in threads:
        thread.join()
    return found


def main() -> None:
    """Measures, prints, writes."""
    parser = questions(__doc__)
    parser.add_argument("--minutes", type=float, default=30.0)
    parser.add_argument("--hostile", type=int, default=200, help="uploads at once; 0: none")
    parser.add_argument("--kept", type=float, default=20.0, help="seconds that finished jobs are kept")
    asked = parser.parse_args()
    good = asked.picture.read_bytes()
    options = ["--ticket", str(asked.ticket), "--form", asked.form, "--faces", asked.faces]
    options += ["--limit", f"kept_s={asked.kept}", "--limit", "bytes=20000000"]
    found: dict[str, Any] = {}
    with running(*options) as server:
        if asked.minutes:
            found["steady"] = steady(server, good, asked.minutes)
        if asked.hostile:
            found["hostile"] = hostile(server, good, asked.hostile)
            print(json.dumps(found["hostile"], indent=1))
            time.sleep(asked.kept + 5)
            found["files_left"] = server.files()
            found["mib_at_rest"] = [round(one, 1) for one in server.memory()]
            print("files left:", found["files_left"], "MiB at rest:", found["mib_at_rest"])
    if asked.out:
        asked.out.write_text(json.dumps(found, indent=1, sort_keys=True) + "\n")


if __name__ == "__main__":
    main()
