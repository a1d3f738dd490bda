"""A picture's way through the service against the bare engine: the same picture, the same ticket, by turns.

    python benchmarks/serve_latency.py PICTURE --ticket TICKET --out results.json

Three works have their turn in every round: the bare scan (`scan_file` in this process, on one thread), an upload by one
client, and eight clients at once, each with one upload. What is told: medians, 99th percentiles, and ratios to the
bare scan's median. `score` is the time of the network alone, for one crop.
"""

from __future__ import annotations

import http.client
import json
import time
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import numpy as np

from clew.scan.one_file import scan_file
from clew.scan.settings import ScanSettings
from clew.scan.ticket import ready_ticket
from serve_parts import form, posted, questions, running

CLIENTS = 8


def upload(links: list[http.client.HTTPConnection], body: bytes, headers: dict[str, str], at: int) -> float:
    """Seconds of one upload by client `at`."""
    begun = time.perf_counter()
    reply = posted(links[at], body, headers)
    if reply.status != 200:
        raise SystemExit(f"answered {reply.status}: {reply.data[:300]!r}")
    return time.perf_counter() - begun


def told(seconds: list[float], bare: float) -> dict[str, float]:
    """Milliseconds and their ratio to the bare scan's."""
    middle, late = (1000 * float(np.percentile(seconds, share)) for share in (50, 99))
    return {
        "n": len(seconds),
        "median_ms": round(middle, 2),
        "p99_ms": round(late, 2),
        "ratio": round(middle / bare, 2),
    }


def main() -> None:
    """Measures, prints, writes."""
    parser = questions(__doc__)
    parser.add_argument("--rounds", type=int, default=100)
    asked = parser.parse_args()
    settings = ScanSettings(faces=asked.faces, form=asked.form, threads=1)
    ready = ready_ticket(asked.ticket, settings)
    body, headers = form(asked.picture.read_bytes())
    crop = np.zeros((1, ready.cropping.size, ready.cropping.size, 3), np.uint8)
    works: dict[str, list[float]] = {"score": [], "bare": [], "one": [], "eight": []}
    options = ("--ticket", str(asked.ticket), "--form", asked.form, "--faces", asked.faces)
    with running(*options) as server, ThreadPoolExecutor(CLIENTS) as pool:
        links = [http.client.HTTPConnection("127.0.0.1", server.port) for _ in range(CLIENTS)]
        send = partial(upload, links, body, headers)
        for turn in range(asked.rounds + 3):
            begun = time.perf_counter()
            ready.runtime.predict(crop)
            scored = time.perf_counter()
            scan_file(asked.picture, ready, settings)
            ended = time.perf_counter()
            one, eight = send(0), list(pool.map(send, range(CLIENTS)))
            if turn >= 3:  # all are warm
                works["score"].append(scored - begun)
                works["bare"].append(ended - scored)
                works["one"].append(one)
                works["eight"] += eight
    bare = 1000 * float(np.median(works["bare"]))
    found = {name: told(seconds, bare) for name, seconds in works.items()}
    found["eight"]["per_second"] = round(1000 * CLIENTS / found["eight"]["p99_ms"], 1)
    print(json.dumps(found, indent=1))
    if asked.out:
        asked.out.write_text(json.dumps(found, indent=1, sort_keys=True) + "\n")


if __name__ == "__main__":
    main()
