"""The main job through the Python API, on drawn people: python examples/find_tickets.py OUT"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np

import clew
from clew.datasets.synth.pictures import write_pictures
from clew.training.settings import TrainSettings


def main(out: Path) -> None:
    write_pictures(out / "people", "folder", people=24, size=64)
    store = clew.crop_dataset(out / "people", "folder", out / "store")
    ladder = clew.find_tickets(
        out / "store",
        out / "ladder",
        detector="cnn5",
        input_size=32,
        levels=(0.8,),
        seeds=2,
        training=TrainSettings(epochs=2, lr=2e-3),
    )
    print(ladder.summary()["headline"]["text"])
    ticket = ladder.ticket("imp", 0.8, seed=0)
    crops = np.stack([store.crop(row["crop"]) for row in store.samples("test").slice(0, 4).to_pylist()])
    print(f"sparsity {ticket.sparsity:.3f}, fake probabilities {ticket.predict(crops).round(3)}")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
