"""The gradient attack against what can be worked out by hand, and what it must leave alone."""

import copy

import pytest
import torch
from torch import nn

from clew.base.errors import ClewError
from clew.detectors import build
from clew.training.attack import pgd, wrongness

EPSILON = 8 / 255


class Linear(nn.Module):
    """Logits (B, 2) of images (B, 3, H, W): the log odds of fake are the sum of weight * image."""

    def __init__(self, weight):
        super().__init__()
        self.weight = nn.Parameter(weight)

    def forward(self, images):
        odds = (images * self.weight).sum((1, 2, 3))
        return torch.stack([torch.zeros_like(odds), odds], 1)


@pytest.fixture
def net():
    weight = torch.tensor([0.5, -2.0, 3.0]).view(3, 1, 1) * torch.tensor([[1.0, -1.0], [2.0, 1.0]])
    return Linear(weight)


@pytest.fixture
def images():
    found = torch.rand((6, 3, 2, 2), generator=torch.Generator().manual_seed(1))
    found[0], found[1] = 0.0, 1.0  # where the range ends before the budget does
    return found


TARGETS = torch.tensor([0, 1, 0, 1, 1, 0])


def best(net, images, targets):
    """The optimum for a linear network: along the sign of its weights for reals, against it for fakes."""
    sign = torch.where(targets > 0, -1.0, 1.0).view(-1, 1, 1, 1) * net.weight.detach().sign()
    return (images + EPSILON * sign).clamp(0, 1)


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def test_a_linear_network_is_driven_to_its_optimum(net, images):
    wanted = best(net, images, TARGETS)
    found = pgd(net, images, TARGETS, EPSILON, 10, 2.5 * EPSILON / 10, generator())
    assert torch.allclose(found, wanted, atol=1e-6)
    assert found[0].min() == 0
    assert found[1].max() == 1


def test_one_step_without_a_start_is_the_fast_gradient_sign_method(net, images):
    found = pgd(net, images, TARGETS, EPSILON, 1, EPSILON)
    assert torch.equal(found, best(net, images, TARGETS))
    half = pgd(net, images, TARGETS, EPSILON, 1, EPSILON / 2)
    inner = (images[2:] - EPSILON > 0) & (images[2:] + EPSILON < 1)
    assert torch.allclose((half - images)[2:].abs()[inner], torch.tensor(EPSILON / 2), atol=1e-6)


def test_several_classes_are_attacked_as_real_against_fake():
    logits = torch.tensor([[1.0, 3.0, 3.0], [2.0, 0.0, 0.0]])
    odds = torch.log(torch.tensor(2.0))  # of two equal fakes beside one
    assert torch.allclose(wrongness(logits, torch.tensor([0, 0])), torch.stack([2 + odds, -2 + odds]))
    assert torch.allclose(wrongness(logits, torch.tensor([1, 2])), -torch.stack([2 + odds, -2 + odds]))


def test_where_the_network_is_sure_the_way_is_still_seen(net, images):
    """Cross-entropy has no gradient left there: 1 - softmax is 0 in fp32."""
    sure = Linear(net.weight.detach() * 1e4)
    assert torch.allclose(pgd(sure, images, TARGETS, EPSILON, 1, EPSILON), best(net, images, TARGETS))


@pytest.mark.parametrize("epsilon", [1 / 255, 4 / 255])
@pytest.mark.parametrize("steps", [0, 1, 7])
def test_the_budget_and_the_range_are_kept(epsilon, steps):
    net, images = build("meso4", 32), torch.rand((4, 3, 32, 32), generator=generator(3))
    found = pgd(net, images, torch.tensor([0, 1, 0, 1]), epsilon, steps, epsilon, generator())
    assert (found - images).abs().max() <= epsilon + 1e-7
    assert found.min() >= 0
    assert found.max() <= 1
    assert (found != images).any()


def test_a_linear_network_never_errs_less_than_on_the_picture_itself(net, images):
    clean = wrongness(net(images), TARGETS)
    for seed in range(5):
        for steps in (1, 3, 10):
            found = pgd(net, images, TARGETS, EPSILON, steps, 2.5 * EPSILON / steps, generator(seed))
            assert (wrongness(net(found), TARGETS) >= clean - 1e-6).all()


def test_the_start_comes_from_the_generator_alone(net, images):
    torch.manual_seed(5)
    before = torch.random.get_rng_state()
    one, same, other = (pgd(net, images, TARGETS, EPSILON, 0, EPSILON, generator(seed)) for seed in (1, 1, 2))
    assert torch.equal(one, same)
    assert not torch.equal(one, other)
    assert torch.equal(torch.random.get_rng_state(), before)
    assert torch.equal(pgd(net, images, TARGETS, EPSILON, 0, EPSILON), images)


def test_the_network_is_left_as_it_was():
    net, images = build("meso4", 32), torch.rand((4, 3, 32, 32), generator=generator(3))
    net.train()
    part = next(module for module in net.modules() if isinstance(module, nn.BatchNorm2d))
    part.eval()
    modes, state = [module.training for module in net.modules()], copy.deepcopy(net.state_dict())
    kept = images.clone()
    with torch.inference_mode():  # as scoring does
        found = pgd(net, images, torch.tensor([0, 1, 0, 1]), EPSILON, 3, EPSILON, generator())
    assert not found.requires_grad
    assert torch.equal(images, kept)
    assert [module.training for module in net.modules()] == modes
    assert all(torch.equal(value, net.state_dict()[name]) for name, value in state.items())
    assert all(weight.grad is None and weight.requires_grad for weight in net.parameters())


def test_pictures_do_not_mix_and_the_network_is_in_evaluation_mode():
    net, images = build("meso4", 32).train(), torch.rand((4, 3, 32, 32), generator=generator(3))
    targets = torch.tensor([0, 1, 0, 1])
    whole = pgd(net, images, targets, EPSILON, 2, EPSILON / 2)
    alone = pgd(net, images[:1], targets[:1], EPSILON, 2, EPSILON / 2)
    assert torch.allclose(whole[:1], alone, atol=1e-6)


def test_what_cannot_be_is_refused(net, images):
    for epsilon, steps, step in ((-0.1, 1, 0.1), (2.0, 1, 0.1), (0.1, -1, 0.1), (0.1, 1, float("nan"))):
        with pytest.raises(ClewError, match="expected shares of the range"):
            pgd(net, images, TARGETS, epsilon, steps, step)

    class Blind(nn.Module):
        def forward(self, images):
            return torch.zeros(len(images), 2)

    with pytest.raises(ClewError, match="no gradient by its pictures"):
        pgd(Blind(), images, TARGETS, EPSILON, 1, EPSILON)
