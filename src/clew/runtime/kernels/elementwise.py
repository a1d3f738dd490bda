"""What is done to maps value by value, where no convolution could take it over: activations, factors, sums, copies."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from clew.runtime.kernels.emit import Kernel, whole
from clew.runtime.kernels.epilogue import PLAIN, Finish, Finisher
from clew.runtime.target import Target

ARGS = ("input", "output", "channels")  # then those of the finish


@dataclass(frozen=True)
class Elementwise:
    """Sizes in vectors: `rows` and `columns` of the maps, `pitch` of a row and `plane` of a channel on both sides."""

    rows: int
    columns: int
    pitch_in: int
    plane_in: int
    pitch_out: int
    plane_out: int
    finish: Finish = PLAIN


def emit(module: Any, name: str, shape: Elementwise, target: Target, half: bool) -> None:
    """Writes the kernel."""
    k = Kernel(module, name, target, half)
    b = k.b
    source, output = k.place(0), k.place(1)
    finisher = Finisher(k, shape.finish, len(ARGS))
    first, last = k.share(k.arg(2))
    with (
        k.loop(first, last) as channel,
        k.loop(whole(0), whole(shape.rows)) as row,
        k.loop(whole(0), whole(shape.columns)) as column,
    ):

        def spot(pitch: int, plane: int) -> Any:
            return b.add(_spot(b, channel.index, plane, row.index, pitch), column.index)

        value = k.load(k.moved(source, spot(shape.pitch_in, shape.plane_in)))
        moves = [b.add(b.mul(row.index, whole(step.pitch)), column.index) for step in shape.finish.others]
        (value,) = finisher.apply([value], channel.index, [(0, 0)], moves)
        mask = b.add(b.mul(row.index, whole(shape.finish.mask_pitch)), column.index)
        k.store(finisher.mask(value, mask), k.moved(output, spot(shape.pitch_out, shape.plane_out)))
    k.done()


def _spot(b: Any, channel: Any, plane: int, row: Any, pitch: int) -> Any:
    return b.add(b.mul(channel, whole(plane)), b.mul(row, whole(pitch)))
