"""Makes the ticket and the demonstration ladder that come with Clew, from the crops that they were learned from.

    python benchmarks/default_ticket.py DATA OUT

DATA holds openforensics-crops/, dfdc-crops/ and stylegan-crops/, as their publishers lay them out. Every step is a
command of Clew, printed before it runs; one whose result is there is left out, and one that was stopped goes on. The
ticket is the level of at least half sparsity with the highest validation AUC, as a mean over the sources; the test
parts are read for the cards alone. OUT/packaged is what lies in src/clew/packaged. On two free cores: half an hour.
"""

from __future__ import annotations

import argparse
import json
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

AS_CUT = {
    "of128": ("openforensics-crops", "openforensics-crops"),
    "dfdc128": ("dfdc-crops", "folder"),
    "stylegan128": ("stylegan-crops", "folder"),
}  # as the publishers cut them; of128d and stylegan128d as a scan does
FOUND = {"of128d": AS_CUT["of128"], "stylegan128d": AS_CUT["stylegan128"]}
SOURCES = ("of128", "of128d", "dfdc128", "stylegan128", "stylegan128d")
SCAN = ["--faces", "dlib", "--scale", "1.3"]
SEARCH = ["--detector", "cnn5", "--size", "64", "--method", "one-shot", "--sparsity", "0.5,0.8,0.95"]
SEARCH += ["--seeds", "1", "--epochs", "18", "--batch-size", "32", "--lr", "3e-3", "--precision", "bf16"]
SEARCH += ["--memory-format", "channels-last", "--threads", "2", "--workers", "1"]
SEARCH += ["--augment", "flip,shift:0.5", "--balance", "class"]
LEAST, MOST_BYTES = 0.5, 3 * 10**6  # sparsity and size of the ticket; a larger file is rounded to 16 bits


def clew(*words: object) -> str:
    """Runs a command and returns what it prints."""
    line = ["clew", *map(str, words)]
    print(shlex.join(line), flush=True)
    whole = [sys.executable, "-m", "clew.cli.main", *line[1:]]
    return subprocess.run(whole, check=True, stdout=subprocess.PIPE, text=True).stdout


def stores(data: Path, out: Path) -> None:
    """The crop stores: as the publishers cut the faces, and as a scan does."""
    for name, (folder, layout) in AS_CUT.items():
        if not (out / name / "store.json").exists():
            as_given = ["--faces", "none", "--size", 128, "--out", out / name]
            clew("data", "crop", data / folder, "--layout", layout, *as_given)
    for name, (folder, layout) in FOUND.items():
        if not (out / name / "store.json").exists():
            cut = ["--people", "largest", "--size", 128, *SCAN, "--out", out / name]
            clew("data", "crop", data / folder, "--layout", layout, *cut)


def search(out: Path) -> Path:
    """The search; it goes on where it was stopped."""
    clew("tickets", "find", *(out / one for one in SOURCES), *SEARCH, "--out", out / "ladder")
    return out / "ladder"


def best(out: Path, ladder: Path) -> Path:
    """The ticket of enough sparsity with the highest validation AUC, as a mean over the sources."""
    facts = json.loads((ladder / "ladder.json").read_text())
    files = {entry["ticket"] for entry in facts["entries"] if entry["level"] >= LEAST and entry["method"] != "dense"}
    found = {}
    for ticket in (ladder / name for name in sorted(files)):
        told = json.loads(clew("evaluate", ticket, *(out / one for one in SOURCES), "--split", "val", "--json"))
        found[ticket] = sum(one["picture"]["auc"]["mean"] for one in told["stores"]) / len(SOURCES)
        print(f"  mean validation AUC {found[ticket]:.4f}", flush=True)
    return max(found, key=lambda ticket: found[ticket])


def default_ticket(out: Path, ticket: Path) -> None:
    """Calibrates the ticket and writes its card."""
    judged, default = [out / one for one in SOURCES], out / "packaged" / "default.safetensors"
    half = out / f"fp16-{ticket.name}"
    if ticket.stat().st_size > MOST_BYTES and not half.exists():
        clew("export", ticket, "--format", "ticket-fp16", "--out", half)
    if not default.exists():
        chosen = half if half.exists() else ticket
        clew("tickets", "calibrate", chosen, *judged, *SCAN, "--out", default)
    clew("tickets", "card", default, *judged, "--scores", out / "scores", "--out", default.with_suffix(".md"))


def demo_ladder(out: Path, ladder: Path) -> None:
    """Copies the ladder without what training alone needs, calibrates its tickets, and writes the card of one."""
    judged, demo = [out / one for one in SOURCES], out / "packaged" / "demo-ladder"
    half_done = out / "demo-ladder"
    if not demo.exists():
        unneeded = shutil.ignore_patterns("rewind", "*.html", "run.json", ".lock", "*.safetensors")
        shutil.copytree(ladder, half_done, ignore=unneeded, dirs_exist_ok=True)
        for ticket in sorted((ladder / "tickets").iterdir()):
            calibrated = half_done / "tickets" / ticket.name
            if not calibrated.exists():
                clew("tickets", "calibrate", ticket, *judged, *SCAN, "--out", calibrated)
        half_done.rename(demo)
    card = ["--limit", 200, "--scores", out / "demo-scores", "--out", out / "packaged" / "demo-ladder.md"]
    clew("tickets", "card", demo / "tickets" / "one-shot-s0-80.safetensors", *judged, *card)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("out", type=Path)
    asked = parser.parse_args()
    (asked.out / "packaged").mkdir(parents=True, exist_ok=True)
    stores(asked.data, asked.out)
    ladder = search(asked.out)
    default_ticket(asked.out, best(asked.out, ladder))
    demo_ladder(asked.out, ladder)


if __name__ == "__main__":
    main()
