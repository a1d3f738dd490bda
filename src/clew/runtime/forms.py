"""The forms that a ticket can run in, by name: each makes a function from images to logits, or says why it cannot.

A new form is a function registered here, from its own file in `clew.runtime.running`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from clew.base.registry import Registry
from clew.runtime.cache import Cache
from clew.runtime.opened import Opened

Logits = Callable[[NDArray[np.float32]], NDArray[np.float32]]  # images (B, 3, H, W) in [0, 1] -> logits (B, K)


class Unavailable(Exception):
    """Why a form cannot run here: a library or a feature of the processor lacks, or a layer is not known."""


@dataclass(frozen=True)
class Form:
    """`make` (ticket, threads, cache) -> logits, raising Unavailable; `about` one phrase; `exact`: computed in fp32.

    `tried`: whether "auto" may choose it. `precision`: what it computes in. `skips`: whether it leaves out work on
    pruned weights; other forms are dense. `ranged`: whether it takes the ranges of its numbers from pictures, so that
    it is as good as those stand for what it will see: "auto" leaves it out where the caller gave none.
    """

    make: Callable[[Opened, int, Cache | None], Logits]
    about: str
    exact: bool = True
    tried: bool = True
    precision: str = "fp32"
    skips: bool = False
    ranged: bool = False


forms: Registry[Form] = Registry("form")
