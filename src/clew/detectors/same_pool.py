"""Max-pooling as Keras does it with padding 'same', which the networks of MesoNet were trained with."""

from __future__ import annotations

from torch import Tensor, nn


class SameMaxPool2d(nn.Module):
    """Max-pooling (B, C, H, W) -> (B, C, ceil(H/p), ceil(W/p)), window and stride p: Keras' padding 'same'.

    What the last window lacks is put around the picture, the smaller half before it; it never is the maximum.
    """

    def __init__(self, pool: int) -> None:
        super().__init__()
        self.pool = pool

    def forward(self, maps: Tensor) -> Tensor:
        """The maxima (B, C, ceil(H/p), ceil(W/p)) of maps (B, C, H, W)."""
        top, bottom = same_padding(maps.shape[2], self.pool)
        left, right = same_padding(maps.shape[3], self.pool)
        if top or bottom or left or right:
            maps = nn.functional.pad(maps, (left, right, top, bottom), value=float("-inf"))
        return nn.functional.max_pool2d(maps, self.pool)

    def extra_repr(self) -> str:
        """What print shows between the brackets."""
        return str(self.pool)


def same_padding(size: int, pool: int) -> tuple[int, int]:
    """How many values go before and after `size` ones to make whole windows of `pool`."""
    lacking = -size % pool
    return lacking // 2, lacking - lacking // 2


def same_pooled(size: int, pools: tuple[int, ...]) -> int:
    """The size that is left of `size` after these poolings."""
    for pool in pools:
        size = -(-size // pool)
    return size
