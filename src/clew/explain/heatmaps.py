"""Heatmaps: which places of a picture speak for a class, by Captum (https://captum.ai).

Grad-CAM (Selvaraju et al. 2017, arXiv 1610.02391): the maps of a layer, each weighed by the mean of its gradient and
summed; the ReLU after it keeps what speaks for the class. The input gradient (Simonyan et al. 2014, arXiv 1312.6034):
for each pixel the largest absolute gradient over the colour channels.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from torch import Tensor, nn
from torch.nn import functional

from clew.base.errors import ClewError, unknown_name
from clew.explain.class_scores import check_pictures, target_scores
from clew.explain.unchanged import unchanged

GRAD_CAM, INPUT_GRADIENT = "grad-cam", "input-gradient"
METHODS = (GRAD_CAM, INPUT_GRADIENT)
MOST_NAMES = 16  # layers that an error lists
NO_GRADIENT = ("not have been used in the graph", "does not require grad")  # in torch's words


def heatmaps(
    module: nn.Module, images: Tensor, targets: Tensor, layer: str, method: str = GRAD_CAM, relu: bool = True
) -> Tensor:
    """Raw heatmaps (B, h, w), float32, of images (B, 3, H, W) in [0, 1] for the classes `targets` (B,), int64.

    Nothing is rescaled. Grad-CAM has the size of the output of `layer`, the last one where that runs several times;
    without `relu` it keeps what speaks against the class, as negative values. The input gradient has the picture's
    size and needs no layer. Explained is the class's logit (see `class_scores`) in evaluation mode and in fp32,
    whatever mode and precision the caller is in; the network is left as it was (see `unchanged`).

    Raises ClewError for an unknown method, for pictures or targets that are no such thing, and for a layer that is not
    there, gives no maps (B, C, h, w), or has no part in the score.
    """
    if method not in METHODS:
        raise unknown_name("heatmap method", method, METHODS)
    check_pictures(images, targets)
    with unchanged(module, images.device):
        pictures, wanted = images.detach().float().clone(), targets.detach().clone().to(images.device)
        found = (
            _grad_cam(module, pictures, wanted, layer, relu)
            if method == GRAD_CAM
            else _input_gradient(module, pictures, wanted)
        )
        return found.detach().contiguous()


def upsampled(maps: Tensor, size: int) -> Tensor:
    """Heatmaps (B, h, w) drawn large, (B, size, size): bilinear, between the centres of the cells."""
    return functional.interpolate(maps[:, None], (size, size), mode="bilinear", align_corners=False)[:, 0]


def _grad_cam(module: nn.Module, images: Tensor, targets: Tensor, layer: str, relu: bool) -> Tensor:
    from captum.attr import LayerGradCam  # brings matplotlib: loads when used

    part = _part(module, layer)
    with _maps_expected(module, part, layer):
        # The layer's output is cloned on its way, so that a ReLU in place after it does not overwrite the maps.
        attribution = LayerGradCam(_score(module, targets), part)
        found: Tensor = attribution.attribute(images, relu_attributions=relu)
    return found[:, 0]


def _input_gradient(module: nn.Module, images: Tensor, targets: Tensor) -> Tensor:
    from captum.attr import Saliency

    def score(pictures: Tensor) -> Tensor:
        return target_scores(module, pictures.clone(), targets)  # a network may change its input in place

    try:
        found: Tensor = Saliency(score).attribute(images.requires_grad_())
    except RuntimeError as error:
        if _lacks_gradient(error):
            raise ClewError(
                f"{type(module).__name__} has no gradient by its pictures: no heatmap can be made."
            ) from None
        raise
    return found.amax(1)


def _score(module: nn.Module, targets: Tensor) -> Callable[[Tensor], Tensor]:
    return lambda pictures: target_scores(module, pictures, targets)


def _part(module: nn.Module, layer: str) -> nn.Module:
    found = dict(module.named_modules()).get(layer) if layer else None
    if found is None:
        raise _unfit(module, layer, "is not there" if layer else "names none")
    return found


@contextmanager
def _maps_expected(module: nn.Module, part: nn.Module, layer: str) -> Iterator[None]:
    """Raises ClewError for a layer whose output is no maps (B, C, h, w), does not run, or does not reach the score."""
    runs = 0

    def look(_: nn.Module, inputs: Any, output: Any) -> None:
        nonlocal runs
        runs += 1
        if not (isinstance(output, Tensor) and output.ndim == 4):
            shape = tuple(output.shape) if isinstance(output, Tensor) else type(output).__name__
            raise _unfit(module, layer, f"puts out {shape}")

    hook = part.register_forward_hook(look)
    try:
        yield
    except AssertionError:  # Captum's, where its hook was not called
        if runs:
            raise
        raise _unfit(module, layer, "does not run") from None
    except RuntimeError as error:
        if _lacks_gradient(error):
            raise _unfit(module, layer, "has no part in the score of the class") from None
        raise
    finally:
        hook.remove()


def _lacks_gradient(error: RuntimeError) -> bool:
    return any(words in str(error) for words in NO_GRADIENT)


def _unfit(module: nn.Module, layer: str, found: str) -> ClewError:
    """The error for a layer that no heatmap can be made at: names the convolutional ones."""
    names = [name for name, part in module.named_modules() if isinstance(part, nn.Conv2d)]
    which = f"the last {MOST_NAMES} of {len(names)}" if len(names) > MOST_NAMES else "all"
    known = f"Its convolutional layers ({which}): {', '.join(names[-MOST_NAMES:])}." if names else "It has none."
    return ClewError(
        f"heatmaps need a layer that puts out maps (B, C, h, w); '{layer}' of {type(module).__name__} {found}. {known}"
    )
