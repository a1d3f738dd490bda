"""The heatmaps that `clew scan` can draw, by the name that `--heatmaps` takes."""

from __future__ import annotations

from collections.abc import Callable
from importlib.util import find_spec
from typing import TYPE_CHECKING

from clew.base.errors import ClewError, unknown_name

if TYPE_CHECKING:
    from clew.scan.occlusion import Heatmaps
    from clew.scan.ticket import ReadyTicket


def _occlusion(ready: ReadyTicket) -> Heatmaps:
    from clew.scan.occlusion import occlusion_of

    return occlusion_of(ready.runtime.logits, ready.runtime.input_size)


def _grad_cam(ready: ReadyTicket) -> Heatmaps:
    from clew.explain.hook import grad_cam_of

    return grad_cam_of(ready.path)


HEATMAPS: dict[str, Callable[[ReadyTicket], Heatmaps] | None] = {
    "none": None,
    "occlusion": _occlusion,
    "grad-cam": _grad_cam,
}


def maker(name: str) -> Callable[[ReadyTicket], Heatmaps] | None:
    """What makes the hook in each process, None for none; raises ClewError that lists the known names."""
    if name not in HEATMAPS:
        raise unknown_name("kind of heatmaps", name, HEATMAPS)
    if name == "grad-cam" and find_spec("torch") is None:
        raise ClewError("--heatmaps grad-cam needs PyTorch: pip install 'clew[train]', or take --heatmaps occlusion.")
    return HEATMAPS[name]
