"""A value that is made gets its halo and its other forms."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from clew.runtime.assemble import Assembly
from clew.runtime.fold import After
from clew.runtime.kernels import elementwise, gather, halo
from clew.runtime.program import Arg
from clew.runtime.versions import LOWEST, Version


def complete(a: Assembly, name: str) -> None:
    """A value is made: its halo, and its other forms."""
    if not a.is_maps(name) or name in a.slices:
        return
    home, *others = a.versions[name]
    _halo(a, home)
    for other in others:
        if other.pieces == home.pieces:
            copied(a, home, other, (), other.name)
        else:
            _laid_anew(a, home, other)
        _halo(a, other)


def _halo(a: Assembly, version: Version) -> None:
    shifts = version.layout.shifts()
    if not shifts:
        return
    shape = halo.Halo(version.pieces.grid, tuple(shifts), version.around == LOWEST)
    args: list[Arg] = [a.place(version), version.shape[0], version.layout.plane]
    for pairs in shifts.values():
        args += [pairs, len(pairs)]
    a.program.call(halo, shape, a.half, args, version.name)


def copied(a: Assembly, source: Version, out: Version, afters: tuple[After, ...], label: str, before: int = 0) -> None:
    """Maps value by value into a form with the same pieces, `before` channels further on."""
    came, goes = a.layout(source), a.layout(out)
    finish, extra = a.finish(afters, out)
    shape = elementwise.Elementwise(
        out.pieces.rows, out.pieces.columns, came.pitch, came.plane, goes.pitch, goes.plane, finish
    )
    target = a.place(out, goes.origin + before * goes.plane)
    args = [a.place(source, came.origin), target, source.shape[0], *extra]
    a.program.call(elementwise, shape, a.half, args, label)


def _laid_anew(a: Assembly, home: Version, other: Version) -> None:
    """A form with other pieces."""
    source = home.layout
    gathered(a, a.place(home), source.numbers(), source.plane * a.lanes, other, gather.Gather(), other.name, ())


def gathered(
    a: Assembly,
    source: Arg,
    numbers: NDArray[np.int64],
    plane: int,
    version: Version,
    shape: gather.Gather,
    label: str,
    afters: tuple[After, ...],
) -> None:
    """Numbers that lie (height, width) at `numbers` of each channel, into a form of a value."""
    layout = a.layout(version)
    y, x, inside = layout.places()
    places = numbers[np.where(inside, y, 0), np.where(inside, x, 0)].astype(np.int32).reshape(-1, a.lanes)
    spots = layout.vectors().astype(np.int32).reshape(-1)
    finish, extra = a.finish(afters, version)
    args: list[Arg] = [source, a.place(version), version.shape[0], plane, layout.plane, places, spots]
    a.program.call(gather, replace(shape, finish=finish), a.half, [*args, len(spots), *extra], label)
