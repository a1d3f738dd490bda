"""Makes the ticket and the demonstration ladder that come with Clew, from the crops that they were learned from.

    python benchmarks/default_ticket.py DATA OUT                     # what src/clew/packaged/ holds
    python benchmarks/default_ticket.py DATA OUT --size 128 --epochs 8 --workers 4    # longer, where there is time

DATA holds openforensics-crops/, dfdc-crops/ and stylegan-crops/, as their publishers lay them out. Every step is a
command of Clew, printed before it runs; one whose result is there is left out, and one that was stopped goes on. The
ticket is the level with the highest validation AUC, as a mean over the sources; the test parts are read for the cards.
"""

from __future__ import annotations

import argparse
import json
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

AUGMENT = "flip,zoom:0.5,colour:0.3,resize:0.15,blur:0.1,noise:0.1,jpeg:0.25"
TRAINING = ["--detector", "cnn5", "--batch-size", "32", "--lr", "1e-3", "--weight-decay", "1e-4", "--seeds", "1"]
FIXED = [*TRAINING, "--balance", "source", "--precision", "bf16", "--memory-format", "channels-last", "--threads", "1"]
AS_CUT = {
    "of128": ("openforensics-crops", "openforensics-crops"),
    "dfdc128": ("dfdc-crops", "folder"),
    "stylegan128": ("stylegan-crops", "folder"),
}  # as the publishers cut them; of128d and stylegan128d as a scan does: dlib's box, 1.3 times its side
FOUND = {"of128d": AS_CUT["of128"], "stylegan128d": AS_CUT["stylegan128"]}
TAUGHT = ("of128", "of128d", "dfdc128", "stylegan128", "of128d-blend")
DEMO = ("of128d", "dfdc128", "stylegan128")
JUDGED = ("of128", "of128d", "dfdc128", "stylegan128", "stylegan128d")
SCAN = ["--faces", "dlib", "--scale", "1.3"]
LEVELS, DEMO_LEVELS = "0.6,0.8", "0.2,0.4,0.6,0.8,0.9,0.95"


def clew(*words: object) -> str:
    """Runs a command and returns what it prints."""
    line = ["clew", *map(str, words)]
    print(shlex.join(line), flush=True)
    return subprocess.run(
        [sys.executable, "-m", "clew.cli.main", *line[1:]], check=True, stdout=subprocess.PIPE, text=True
    ).stdout


def stores(data: Path, out: Path) -> None:
    """The crop stores, and self-blends of the reals of one."""
    for name, (folder, layout) in AS_CUT.items():
        if not (out / name / "store.json").exists():
            clew(
                "data", "crop", data / folder, "--layout", layout, "--faces", "none", "--size", 128, "--out", out / name
            )
    for name, (folder, layout) in FOUND.items():
        if not (out / name / "store.json").exists():
            cut = ["--people", "largest", "--size", 128, *SCAN, "--out", out / name]
            clew("data", "crop", data / folder, "--layout", layout, *cut)
    if not (out / "of128d-blend" / "store.json").exists():
        clew("data", "blend", out / "of128d", "--size", 128, "--out", out / "of128d-blend")


def search(out: Path, name: str, taught: tuple[str, ...], *words: object) -> Path:
    """One search; it goes on where it was stopped."""
    clew("tickets", "find", *(out / one for one in taught), *FIXED, "--method", "one-shot", *words, "--out", out / name)
    return out / name


def best(out: Path, ladder: Path) -> Path:
    """The sparse ticket with the highest validation AUC, as a mean over the sources."""
    found = {}
    for ticket in sorted((ladder / "tickets").glob("one-shot-*.safetensors")):
        told = json.loads(clew("evaluate", ticket, *(out / one for one in JUDGED), "--split", "val", "--json"))
        found[ticket] = sum(one["picture"]["auc"]["mean"] for one in told["stores"]) / len(JUDGED)
        print(f"  {ticket.name}: {found[ticket]:.4f}", flush=True)
    return max(found, key=lambda ticket: found[ticket])


def finish(out: Path, ticket: Path, ladder: Path) -> None:
    """Calibrates the ticket, writes both cards, and copies what is packaged."""
    packaged, judged = out / "packaged", [out / one for one in JUDGED]
    packaged.mkdir(exist_ok=True)
    default = packaged / "default.safetensors"
    if not default.exists():
        clew("tickets", "calibrate", ticket, *judged, *SCAN, "--out", default)
    clew("tickets", "card", default, *judged, "--scores", out / "scores", "--out", packaged / "default.md")
    demo = packaged / "demo-ladder"
    if not demo.exists():
        shutil.copytree(ladder, demo, ignore=shutil.ignore_patterns("rewind", "report.html", "run.json"))
    card = ["--limit", 200, "--scores", out / "demo-scores", "--out", packaged / "demo-ladder.md"]
    clew("tickets", "card", demo / "tickets" / "one-shot-s0-80.safetensors", *(out / one for one in DEMO), *card)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--size", type=int, default=80, help="pixels of the default ticket's input")
    parser.add_argument("--epochs", type=int, default=2)
    parser.add_argument("--workers", type=int, default=2, help="trainings at a time")
    asked = parser.parse_args()
    asked.out.mkdir(parents=True, exist_ok=True)
    stores(asked.data, asked.out)
    many = ["--workers", asked.workers, "--epochs"]
    main_words = ["--augment", AUGMENT, "--size", asked.size, "--sparsity", LEVELS, *many, asked.epochs]
    ladder = search(asked.out, "main", TAUGHT, *main_words)
    demo_words = ["--augment", "standard", "--size", 64, "--sparsity", DEMO_LEVELS, *many, 2]
    demo = search(asked.out, "ladder", DEMO, *demo_words)
    finish(asked.out, best(asked.out, ladder), demo)


if __name__ == "__main__":
    main()
