"""`clew demo`: the main job on embedded data."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from clew.cli.console import Json, finish, progress, span
from clew.cli.tables import ladder_lines

EXAMPLE = "Example: clew demo --seed 7"
PEOPLE, PER_PERSON, DRAWN, INPUT = 240, 8, 128, 64
LEVELS = (0.2, 0.4, 0.6, 0.8, 0.9)
MARGIN = 0.03


def demo(
    out: Annotated[
        Path | None, typer.Option(help="Folder; default: clew-demo, with the seed where it is not 0.")
    ] = None,
    seed: Annotated[int, typer.Option(help="Draws other people and other forgeries.", min=0)] = 0,
    json: Json = False,
) -> None:
    """Draw people, forge half of the pictures, search a detector for tickets, judge them, and write a page.

    What is done already is not done again.
    """
    import time

    from clew.datasets.cropping import crop_dataset
    from clew.datasets.synth.pictures import write_pictures
    from clew.reports.ladder_page import write_page
    from clew.tickets.find import find_tickets
    from clew.training.settings import TrainSettings

    start = time.monotonic()
    folder = out or Path("clew-demo" + (f"-{seed}" if seed else ""))
    shown = progress()
    pictures, store = folder / "pictures", folder / "drawn-people"
    layout = "openforensics-crops"
    write_pictures(pictures, layout, people=PEOPLE, per_person=PER_PERSON, size=DRAWN, seed=seed, progress=shown)
    crop_dataset(pictures, layout, store, progress=shown)
    ladder = find_tickets(
        store,
        folder / "ladder",
        detector="cnn5",
        input_size=INPUT,
        scope="local",  # a random mask of every layer's full sparsity hurts more: three seeds can tell
        levels=LEVELS,
        margin=MARGIN,
        training=TrainSettings(epochs=10, batch_size=16, lr=2e-3),
        progress=shown,
    )
    summary = ladder.summary()
    page = write_page(ladder, summary, [store], folder / "report.html", progress=shown)
    took = f"page: {page} (open it in a browser), ladder: {ladder.path}; took {span(time.monotonic() - start)}"
    finish({**summary, "ladder": str(ladder.path), "page": str(page)}, json, *ladder_lines(summary), "", took)
