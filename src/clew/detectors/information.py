"""The losses of "Exposing the Deception" (AAAI 2024, arXiv 2403.01786), on logits; half types count in float32.

Temperature T divides the logits before softmax. sg(.) is a stop-gradient: `whole` is what the others are compared
with and never moves for their sake.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

import torch
from torch import Tensor

from clew.base.errors import unknown_name

TEMPERATURE = 1.5
REDUCTIONS = ("batch", "elements")
FIXED_WEIGHTS = {"classification": 1.0, "local": 2.0, "global": 10.0}

REGULARISATION = 0.2  # against a cost of 1: near the total variation, where 0.1 is not settled after 100 rounds
ROUNDS = 100


def kl_divergence(
    p_logits: Tensor, q_logits: Tensor, temperature: float = TEMPERATURE, reduction: str = "batch"
) -> Tensor:
    """KL(softmax(p / T) || softmax(q / T)) in nats of logits (B, K), a scalar.

    `reduction` "batch": the sum over the K classes, averaged over the B samples, which is the divergence itself;
    "elements": averaged over all B * K elements, K times smaller, as the paper's authors count. Raises ClewError for
    another reduction.
    """
    with _in_full(p_logits):
        p, q = _log_softmax(p_logits, temperature), _log_softmax(q_logits, temperature)
        return _reduced((p.exp() * (p - q)).sum(-1), p.shape[-1], reduction)


def sinkhorn_distance(
    p_logits: Tensor,
    q_logits: Tensor,
    temperature: float = TEMPERATURE,
    reduction: str = "batch",
    regularisation: float = REGULARISATION,
    rounds: int = ROUNDS,
) -> Tensor:
    """The Sinkhorn distance (Cuturi 2013) of softmax(p / T) and softmax(q / T) for logits (B, K), a scalar.

    Each sample's mass p over the classes is moved to its q; from a class to another costs 1, to itself 0. The distance
    is what the plan P that minimises <P, cost> - regularisation * entropy(P) moves: for regularisation -> 0 the total
    variation, half the sum of |p - q|. `rounds` scalings of rows and columns in the log domain; gradients flow through
    all of them. `reduction` as in `kl_divergence`.
    """
    with _in_full(p_logits):
        p, q = _log_softmax(p_logits, temperature), _log_softmax(q_logits, temperature)
        cost = 1 - torch.eye(p.shape[-1], dtype=p.dtype, device=p.device)
        plan = _log_plan(p, q, -cost / regularisation, rounds).exp()
        return _reduced((plan * cost).sum((-2, -1)), p.shape[-1], reduction)


def _log_plan(p: Tensor, q: Tensor, kernel: Tensor, rounds: int) -> Tensor:
    """The log of the plan (B, K, K) between log masses p and q (B, K), for the log of the kernel (K, K)."""
    rows = torch.zeros_like(p)
    for _ in range(rounds):
        columns = q - torch.logsumexp(kernel + rows[..., :, None], -2)
        rows = p - torch.logsumexp(kernel + columns[..., None, :], -1)
    return kernel + rows[..., :, None] + columns[..., None, :]


Divergence = Callable[[Tensor, Tensor, float, str], Tensor]
DIVERGENCES: dict[str, Divergence] = {"kl": kl_divergence, "sinkhorn": sinkhorn_distance}


def global_information_loss(
    z: Tensor, whole: Tensor, temperature: float = TEMPERATURE, divergence: str = "kl", reduction: str = "batch"
) -> Tensor:
    """GIL = D(softmax(z / T) || sg softmax(a / T)): the verdict z (B, K) keeps what all features a (B, K) tell.

    Raises ClewError for an unknown divergence or reduction.
    """
    return _divergence(divergence)(z, whole.detach(), temperature, reduction)


def local_information_loss(
    without: Tensor | Iterable[Tensor],
    whole: Tensor,
    temperature: float = TEMPERATURE,
    divergence: str = "kl",
    reduction: str = "batch",
) -> Tensor:
    """LIL = exp(-sum_i D(softmax(a_without_i / T) || sg softmax(a / T))), in (0, 1]: each block tells something new.

    `without` is n times (B, K), the logits of the features without those of block i; `whole` (B, K) those of all. Each
    D is reduced over the batch first. Raises ClewError for an unknown divergence or reduction.
    """
    measure, fixed = _divergence(divergence), whole.detach()
    return torch.exp(-torch.stack([measure(part, fixed, temperature, reduction) for part in without]).sum())


def balance(losses: Mapping[str, Tensor], weights: Mapping[str, Tensor]) -> Tensor:
    """sum_k L_k / (2 w_k^2) + log(1 + w_k^2) with learned weights by name (Liebel & Koerner 2018, arXiv 1805.06334)."""
    return torch.stack(
        [loss / (2 * weights[k] ** 2) + torch.log1p(weights[k] ** 2) for k, loss in losses.items()]
    ).sum()


def weighted_sum(losses: Mapping[str, Tensor], weights: Mapping[str, float] = FIXED_WEIGHTS) -> Tensor:
    """sum_k w_k L_k with fixed weights by name; the paper's authors set classification 1, local 2, global 10."""
    return torch.stack([weights[k] * loss for k, loss in losses.items()]).sum()


def in_full(values: Tensor) -> Tensor:
    """Half types as float32; float32 and float64 as they are."""
    return values.float() if values.dtype in (torch.float16, torch.bfloat16) else values


def _in_full(like: Tensor) -> torch.autocast:
    return torch.autocast(like.device.type, enabled=False)


def _log_softmax(logits: Tensor, temperature: float) -> Tensor:
    return torch.log_softmax(in_full(logits) / temperature, -1)


def _reduced(per_sample: Tensor, classes: int, reduction: str) -> Tensor:
    if reduction not in REDUCTIONS:
        raise unknown_name("reduction", reduction, REDUCTIONS)
    return per_sample.mean() / (classes if reduction == "elements" else 1)


def _divergence(name: str) -> Divergence:
    if name not in DIVERGENCES:
        raise unknown_name("divergence", name, DIVERGENCES)
    return DIVERGENCES[name]
