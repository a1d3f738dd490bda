import math

import pytest
import torch
from torch.autograd import gradcheck

from clew.base.errors import ClewError
from clew.detectors.information import (
    balance,
    global_information_loss,
    kl_divergence,
    local_information_loss,
    sinkhorn_distance,
    weighted_sum,
)

T = 1.5
P = [[0.8, 0.2], [0.9, 0.1]]
Q = [[0.5, 0.5], [0.3, 0.7]]
# 0.8 ln 1.6 + 0.2 ln 0.4 = 0.376003 - 0.183258; 0.9 ln 3 - 0.1 ln 7 = 0.988751 - 0.194591
KL = (0.192745, 0.794160)


def logits(probabilities, shift=0.0, temperature=T):
    """Logits whose softmax at the temperature are these; a shift of all classes must change nothing."""
    return torch.tensor(probabilities, dtype=torch.float64).log() * temperature + shift


def test_kl_by_hand():
    p, q = logits(P, 3.0), logits(Q, -1.0)
    assert kl_divergence(p, q).item() == pytest.approx((KL[0] + KL[1]) / 2, abs=1e-6)
    assert kl_divergence(p, q, T, "elements").item() == pytest.approx((KL[0] + KL[1]) / 4, abs=1e-6)
    # the other way round: 0.5 ln 0.625 + 0.5 ln 2.5 = 0.223144; 0.3 ln(1/3) + 0.7 ln 7 = -0.329584 + 1.362137
    assert kl_divergence(q, p).item() == pytest.approx((0.223144 + 1.032553) / 2, abs=1e-6)
    assert kl_divergence(p, p + 7).item() == pytest.approx(0, abs=1e-12)
    assert kl_divergence(logits(P, 0, 1.0), logits(Q, 0, 1.0), 1.0).item() == pytest.approx(sum(KL) / 2, abs=1e-6)


def test_three_classes_are_summed_or_averaged():
    p, q = logits([[0.5, 0.25, 0.25]]), logits([[0.25, 0.25, 0.5]])
    # 0.5 ln 2 - 0.25 ln 2
    assert kl_divergence(p, q).item() == pytest.approx(0.25 * math.log(2), abs=1e-12)
    assert kl_divergence(p, q, reduction="elements").item() == pytest.approx(0.25 * math.log(2) / 3, abs=1e-12)


def test_sinkhorn_by_hand():
    """For two classes the plan moves x and y with x - y = p1 - q1 and x y = exp(-2 / r) (p1 - x) (p2 - y)."""
    even = logits([[0.5, 0.5]])
    k = math.exp(-5)
    assert sinkhorn_distance(even, even).item() == pytest.approx(k / (1 + k), rel=1e-9)
    three = logits([[1 / 3, 1 / 3, 1 / 3]])
    assert sinkhorn_distance(three, three).item() == pytest.approx(2 * k / (1 + 2 * k), rel=1e-9)
    p, q = logits([[0.7, 0.3]]), logits([[0.6, 0.4]])
    kk = math.exp(-4)  # r = 0.5; (y + 0.1) y = kk (0.6 - y) (0.3 - y)
    a, b, c = 1 - kk, 0.1 + 0.9 * kk, -0.18 * kk
    y = (-b + math.sqrt(b * b - 4 * a * c)) / (2 * a)
    assert sinkhorn_distance(p, q, regularisation=0.5).item() == pytest.approx(2 * y + 0.1, rel=1e-9)


def test_sinkhorn_is_near_the_total_variation_and_the_same_both_ways():
    p, q = logits([*P, [0.1, 0.9]]), logits([*Q, [0.12, 0.88]])
    variation = (0.3 + 0.6 + 0.02) / 3
    assert sinkhorn_distance(p, q).item() == pytest.approx(variation, abs=2e-3)
    assert sinkhorn_distance(p, q, reduction="elements").item() == pytest.approx(variation / 2, abs=1e-3)
    assert sinkhorn_distance(p, q).item() == pytest.approx(sinkhorn_distance(q, p).item(), abs=1e-4)
    p, q = logits([[0.5, 0.3, 0.2]]), logits([[0.2, 0.3, 0.5]])
    assert sinkhorn_distance(p, q, regularisation=0.1, rounds=500).item() == pytest.approx(0.3, abs=3e-3)


def test_sinkhorn_stands_extreme_logits_in_float32():
    p = torch.tensor([[60.0, -60.0], [1e4, -1e4], [0.0, 80.0]], requires_grad=True)
    q = torch.tensor([[-60.0, 60.0], [-1e4, 1e4], [0.0, 80.0]])
    distance = sinkhorn_distance(p, q)
    assert distance.item() == pytest.approx(2 / 3, abs=1e-6)
    (gradient,) = torch.autograd.grad(distance, p)
    assert gradient.isfinite().all()


@pytest.mark.parametrize("measure", [kl_divergence, lambda p, q: sinkhorn_distance(p, q, rounds=15)])
def test_gradients_of_the_divergences(measure):
    torch.manual_seed(0)
    p, q = (torch.randn(3, 4, dtype=torch.float64, requires_grad=True) for _ in range(2))
    assert gradcheck(measure, (p, q))


def test_global_loss_by_hand_and_its_stop_gradient():
    z, whole = logits(P).requires_grad_(), logits(Q).requires_grad_()
    loss = global_information_loss(z, whole)
    assert loss.item() == pytest.approx((KL[0] + KL[1]) / 2, abs=1e-6)
    into_z, into_whole = torch.autograd.grad(loss, (z, whole), allow_unused=True)
    assert into_whole is None
    # d KL / d logit_k = p_k (ln(p_k / q_k) - KL) / T, over B = 2
    assert into_z[0, 0].item() == pytest.approx(0.8 * (math.log(1.6) - KL[0]) / T / 2, abs=1e-6)
    assert gradcheck(lambda z: global_information_loss(z, whole.detach()), (z,))


def test_local_loss_by_hand_and_its_stop_gradient():
    first, second, whole = logits(P).requires_grad_(), logits(Q).requires_grad_(), logits(Q).requires_grad_()
    loss = local_information_loss([first, second], whole)
    assert loss.item() == pytest.approx(math.exp(-(KL[0] + KL[1]) / 2), abs=1e-6)
    assert torch.autograd.grad(loss, whole, allow_unused=True, retain_graph=True) == (None,)
    (into_first,) = torch.autograd.grad(loss, first)
    assert into_first[0, 0].item() == pytest.approx(
        -math.exp(-(KL[0] + KL[1]) / 2) * 0.8 * (math.log(1.6) - KL[0]) / T / 2, abs=1e-6
    )
    stacked = torch.stack([first, first, first]).detach()
    assert local_information_loss(stacked, whole).item() == pytest.approx(math.exp(-1.5 * sum(KL)), abs=1e-6)
    halved = local_information_loss(stacked, whole, reduction="elements")
    assert halved.item() == pytest.approx(math.exp(-0.75 * sum(KL)), abs=1e-6)
    assert gradcheck(lambda parts: local_information_loss(parts, whole.detach()), (stacked.requires_grad_(),))


def test_the_losses_take_the_sinkhorn_distance():
    z, whole = logits(P).requires_grad_(), logits(Q).requires_grad_()
    loss = global_information_loss(z, whole, divergence="sinkhorn")
    assert loss.item() == pytest.approx(0.45, abs=1e-3)
    assert torch.autograd.grad(loss, whole, allow_unused=True) == (None,)
    local = local_information_loss([z, z], whole, divergence="sinkhorn")
    assert local.item() == pytest.approx(math.exp(-0.9), abs=1e-3)
    assert torch.autograd.grad(local, whole, allow_unused=True) == (None,)


def test_balance_and_weighted_sum_by_hand_and_by_name():
    losses = {"global": torch.tensor(3.0), "classification": torch.tensor(2.0)}
    weights = {"classification": torch.tensor(1.0), "local": torch.tensor(9.0), "global": torch.tensor(2.0)}
    # 2 / 2 + ln 2 + 3 / 8 + ln 5
    assert balance(losses, weights).item() == pytest.approx(1.375 + math.log(10), rel=1e-6)
    assert weighted_sum(losses).item() == pytest.approx(2 * 1 + 3 * 10)
    assert weighted_sum({"local": torch.tensor(0.5)}).item() == pytest.approx(1.0)
    assert weighted_sum(losses, {"classification": 0.5, "global": 2.0}).item() == pytest.approx(7.0)
    pair = torch.tensor([0.7, 1.3], dtype=torch.float64, requires_grad=True)
    assert gradcheck(lambda w: balance({"a": w[1] ** 2, "b": w[0]}, {"a": w[0], "b": w[1]}), (pair,))


def test_half_types_count_in_float32_even_under_autocast():
    p, q = logits(P).bfloat16(), logits(Q).bfloat16()
    for measure in (
        kl_divergence,
        sinkhorn_distance,
        global_information_loss,
        lambda a, b: local_information_loss([a], b),
    ):
        expected = measure(p.float(), q.float())
        with torch.autocast("cpu", torch.bfloat16):
            found = measure(p, q)
        assert found.dtype == torch.float32
        assert torch.equal(found, expected)
    assert kl_divergence(logits(P), logits(Q)).dtype == torch.float64


def test_unknown_names():
    p = logits(P)
    with pytest.raises(ClewError, match="unknown reduction 'mean'. Known: batch, elements"):
        kl_divergence(p, p, reduction="mean")
    with pytest.raises(ClewError, match="unknown reduction 'sum'"):
        sinkhorn_distance(p, p, reduction="sum")
    with pytest.raises(ClewError, match="unknown divergence 'js'. Known: kl, sinkhorn"):
        global_information_loss(p, p, divergence="js")
