"""Linear CKA of several blocks' features (Kornblith et al. 2019, arXiv 1905.00414), summed up batch by batch."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from clew.base.errors import ClewError

LEAST = {False: 2, True: 4}  # pictures, plain and debiased
MOST_WIDTH = 2**14  # of all blocks together: their sums take 2 GB


class FeatureSums:
    """Sums over pictures of what CKA needs, for n blocks of D features: memory does not grow with the pictures.

    All is counted from the first batch's mean, which changes no result but keeps digits. Raises ClewError for blocks
    whose sums would not fit into memory.
    """

    def __init__(self, blocks: int, width: int) -> None:
        if blocks * width > MOST_WIDTH:
            raise ClewError(f"{blocks} blocks of {width} features: expected {MOST_WIDTH} features or fewer in all.")
        self.blocks, self.width, self.count = blocks, width, 0
        self._origin: NDArray[np.float64] | None = None
        self._sum = np.zeros((blocks, width))
        self._cross = np.zeros((blocks * width, blocks * width))  # sum of x y^T, of every two blocks at their places
        self._weighed = np.zeros((blocks, blocks, width))  # [i, j]: the sum of |x_i|^2 x_j
        self._norms = np.zeros((blocks, blocks))  # the sum of |x_i|^2 |x_j|^2

    def add(self, features: NDArray[np.floating]) -> None:
        """Counts a batch of features (B, n, D) in."""
        if features.ndim != 3 or features.shape[1:] != (self.blocks, self.width):
            expected = f"(B, {self.blocks}, {self.width})"
            raise ClewError(f"expected features {expected}, found {features.shape}.")
        wide = np.asarray(features, np.float64)
        if self._origin is None:
            self._origin = wide.mean(axis=0)
        wide = wide - self._origin
        flat, squares = wide.reshape(len(wide), -1), (wide**2).sum(axis=2)
        self.count += len(wide)
        self._sum += wide.sum(axis=0)
        self._cross += flat.T @ flat
        self._weighed += np.einsum("bi,bjd->ijd", squares, wide)
        self._norms += squares.T @ squares

    def cka(self, debiased: bool = False) -> NDArray[np.float64]:
        """Linear CKA of every two blocks (n, n), the diagonal 1; NaN where a block's features do not vary.

        |X^T Y|^2 / (|X^T X| |Y^T Y|) of centred features, in [0, 1]. With few pictures for many features it is far from
        0 even for features that have nothing in common, about D / (N + D); `debiased` takes the unbiased estimate of
        HSIC (Song et al. 2012) instead, which is 0 on average there and may be negative. Raises ClewError with too few
        pictures: 2, debiased 4.
        """
        least = LEAST[debiased]
        if self.count < least:
            raise ClewError(f"similarity of features needs {least} pictures or more; found {self.count}.")
        hsic = self._unbiased() if debiased else self._centred()
        own = np.diagonal(hsic)
        known = own > 1e-12 * self._scale() ** 2
        whole = np.sqrt(np.where(known, own, 1.0))
        found = hsic / whole[:, None] / whole[None, :]
        found[~known] = np.nan
        found[:, ~known] = np.nan
        return found

    def _scale(self) -> NDArray[np.float64]:
        """The sum of squares of each block's features (n,): what counts as nothing is told by it."""
        return np.diagonal(self._cross).reshape(self.blocks, -1).sum(axis=1)

    def _centred(self) -> NDArray[np.float64]:
        """|X^T Y|^2 (n, n) of the centred features of every two blocks."""
        flat = self._sum.reshape(-1)
        return self._squares(self._cross - np.outer(flat, flat) / self.count)

    def _squares(self, cross: NDArray[np.float64]) -> NDArray[np.float64]:
        """The sum of squares of each block of a matrix (n D, n D): (n, n)."""
        shape = (self.blocks, self.width)
        return np.einsum("iajb,iajb->ij", cross.reshape(*shape, *shape), cross.reshape(*shape, *shape))

    def _unbiased(self) -> NDArray[np.float64]:
        """The unbiased estimate of HSIC (n, n), times N (N - 3): Song et al. 2012, equation 5.

        With K and L the Gram matrices of two blocks, their diagonals set to 0: tr(K L) + 1'K1 1'L1 / ((N - 1) (N - 2))
        - 2 1'K L1 / (N - 2), each from sums of features.
        """
        count, total = self.count, self._sum
        squares = np.diagonal(self._cross).reshape(self.blocks, -1).sum(axis=1)  # tr K
        trace = self._squares(self._cross) - self._norms
        mass = (total**2).sum(axis=1) - squares  # 1'K1
        shape = (self.blocks, self.width)
        along = np.einsum("ia,iajb,jb->ij", total, self._cross.reshape(*shape, *shape), total)
        beside = np.einsum("ijd,jd->ij", self._weighed, total)  # the sum of |x_i|^2 x_j's share of its total
        product = along - beside - beside.T + self._norms
        return trace + np.outer(mass, mass) / ((count - 1) * (count - 2)) - 2 * product / (count - 2)
