"""Others' weights measured on a crop store: python examples/import_and_evaluate.py OUT

The weights are made here, so that nothing needs to be fetched: a detector trained on drawn people and saved as another
project would publish it. `import_weights` takes the file of any other in its place.
"""

from __future__ import annotations

import sys
from pathlib import Path

import torch

import clew
from clew.datasets.synth.pictures import write_pictures
from clew.training.settings import TrainSettings


def publish(out: Path) -> Path:
    """A file of weights, its names those of a module that was trained in parallel."""
    settings = TrainSettings(epochs=2, lr=3e-3)
    run = clew.find_tickets(
        out / "store",
        out / "run",
        detector="cnn5",
        input_size=64,
        methods=(),
        seeds=1,
        training=settings,
        precision="fp32",
        memory_format="contiguous",
        threads=1,
    )
    state = run.ticket("dense", 0.0, seed=0).detector().state_dict()
    torch.save({"state_dict": {f"module.{name}": tensor for name, tensor in state.items()}}, out / "published.pth")
    return out / "published.pth"


def main(out: Path) -> None:
    write_pictures(out / "people", "folder", people=24, size=64)
    clew.crop_dataset(out / "people", "folder", out / "store")
    ticket = clew.import_weights(publish(out), "cnn5", out / "published.safetensors", input_size=64)
    print(f"{ticket.header['source']['form']}, classes {ticket.classes}")
    found = clew.evaluate(out / "published.safetensors", [out / "store"], corrupt=True, limit=10, out=out / "report")
    print(found["headline"])
    for change in found["stores"][0]["robustness"]["corruptions"]:
        aucs = ", ".join(f"{level['level']:g}: {level['picture']['auc']['mean']:.2f}" for level in change["levels"])
        print(f"{change['title']} ({change['unit']}) {aucs}")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
