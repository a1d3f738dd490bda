import json
import math
import sys

import numpy as np
import pytest
import torch
from torch import nn

from clew.base.errors import ClewError
from clew.detectors import build, initial_state
from clew.detectors.base import Config, objective_of
from clew.detectors.build import facts_of, network, resolve
from clew.detectors.layers import prunable
from clew.detectors.nets.mi_net import MiNet
from clew.training.augmentations import parse_augmentation

SIZE = 32
T = 1.5


def small(classes=2, seed=0, **options):
    torch.manual_seed(seed)
    return build("mi_net", SIZE, classes, {"backbone": "cnn5", "blocks": 3, **options})


def batch(count=6, seed=1):
    generator = torch.Generator().manual_seed(seed)
    return torch.rand(count, 3, SIZE, SIZE, generator=generator), torch.arange(count) % 2


def test_the_default_is_four_resnet34():
    with torch.device("meta"):
        module = build("mi_net")
    count = {name: sum(p.numel() for p in part.parameters()) for name, part in module.named_children()}
    assert count == {
        "blocks": 4 * (21_797_672 - 513_000),
        "whole": 2048 * 2 + 2,
        "without": 4 * (1536 * 2 + 2),
        "bottleneck": 2048 * 1000 + 2 * 1000 + 1000 * 500 + 2 * 500 + 500 * 512 + 512,
        "verdict": 512 * 2 + 2,
    }
    assert sum(p.numel() for p in module.parameters()) == sum(count.values()) + 3 == 87_963_623
    assert "87,963,623" in MiNet.__doc__
    assert module.facts == facts_of("mi_net")
    assert (module.width, module.input_size) == (512, 224)


def test_facts_follow_the_backbone_and_name_layers_that_are_there():
    module = small()
    own = facts_of("cnn5")
    assert (module.facts.least, module.facts.multiple, module.facts.classifier) == (own.least, own.multiple, "verdict")
    assert module.cam_layers == tuple(f"blocks.{i}.blocks.4.0" for i in range(3))
    assert module.facts.cam_layer == module.cam_layers[0]
    assert all(isinstance(module.get_submodule(name), nn.Conv2d) for name in module.cam_layers)
    assert facts_of("mi_net").cam_layer == f"blocks.0.{facts_of('resnet34').cam_layer}", "the class stays as it was"
    assert module.width == 176
    with pytest.raises(ClewError, match="at least 32 pixels, found 31"):
        build("mi_net", 31, 2, {"backbone": "cnn5"})


@pytest.mark.parametrize("classes", [1, 2, 5])
def test_every_head_speaks_of_every_class(classes):
    module = small(classes).eval()
    images, _ = batch()
    parts = module.parts(images)
    outputs = max(2, classes)
    assert parts.features.shape == (6, 3, 176)
    assert parts.whole.shape == parts.verdict.shape == (6, outputs)
    assert parts.without.shape == (3, 6, outputs)
    if classes == 1:
        assert all(
            (head[..., 1] == 0).all() and (head[..., 0] != 0).all()
            for head in (parts.whole, parts.without, parts.verdict)
        )
    assert torch.equal(module(images), parts.verdict)
    assert torch.equal(module.classify(module.features(images)), parts.verdict[:, :classes])
    assert torch.isfinite(objective_of(module, images, torch.arange(6) % outputs))


def test_each_block_normalises_for_itself_and_has_no_classifier():
    module = small().eval()
    images, _ = batch()
    block = module.blocks[1]
    assert torch.equal(module.parts(images).features[:, 1], block.features((images - 0.5) / 0.5))
    assert torch.equal(module.normalise(images), images)
    assert not [name for name, _ in module.blocks.named_parameters() if "head" in name]


def test_the_heads_by_hand():
    module = small().eval()
    parts = module.parts(batch()[0])
    first, second, third = parts.features.unbind(1)
    assert torch.allclose(parts.whole, module.whole(torch.cat([first, second, third], 1)), atol=1e-6)
    assert torch.allclose(parts.without[1], module.without[1](torch.cat([first, third], 1)), atol=1e-6)
    shapes = [tuple(part.weight.shape) for part in module.bottleneck.modules() if isinstance(part, nn.Linear)]
    assert shapes == [(1000, 528), (500, 1000), (176, 500)]
    drops = [part.p for part in small(dropout=0.25).modules() if isinstance(part, nn.Dropout)]
    assert drops == [0.25, 0.25, 0.25]


def test_a_head_does_not_see_the_block_it_is_without():
    module = small().eval()
    parts = module.parts(batch()[0])
    for i in range(3):
        (gradient,) = torch.autograd.grad(parts.without[i].square().sum(), parts.features, retain_graph=True)
        seen = [bool(gradient[:, j].any()) for j in range(3)]
        assert seen == [j != i for j in range(3)]
    for head in (parts.whole, parts.verdict):
        (gradient,) = torch.autograd.grad(head.square().sum(), parts.features, retain_graph=True)
        assert all(gradient[:, j].any() for j in range(3))


def test_changing_a_backbone_leaves_the_head_without_it_as_it_was():
    module = small().eval()
    images, _ = batch()
    before = module.parts(images)
    with torch.no_grad():
        for weight in module.blocks[1].parameters():
            weight.mul_(1.5)
    after = module.parts(images)
    assert [torch.equal(a, b) for a, b in zip(before.without, after.without, strict=True)] == [False, True, False]
    assert not torch.equal(before.verdict, after.verdict)


def test_the_blocks_start_from_weights_of_their_own():
    state = initial_state(Config("mi_net", SIZE, 2, {"backbone": "cnn5", "blocks": 3}), 0)
    first, second, third = (state[f"blocks.{i}.blocks.0.0.weight"] for i in range(3))
    assert not torch.equal(first, second)
    assert not torch.equal(second, third)
    assert not torch.equal(state["without.0.weight"], state["without.1.weight"])


def by_hand(parts, targets):
    """The three losses in float64 numpy, straight from their definitions."""

    def log_softmax(logits):
        values = logits.detach().double().numpy()
        return values - np.log(np.exp(values).sum(-1, keepdims=True))

    def kl(p, q):
        p, q = log_softmax(p / T), log_softmax(q / T)
        return (np.exp(p) * (p - q)).sum(-1).mean()

    rows = np.arange(len(targets))
    heads = [parts.verdict, parts.whole, *parts.without]
    return {
        "classification": sum(-log_softmax(head)[rows, targets.numpy()].mean() for head in heads),
        "local": math.exp(-sum(kl(head, parts.whole) for head in parts.without)),
        "global": kl(parts.verdict, parts.whole),
    }


WEIGHTS = {"classification": 0.5, "local": 2.0, "global": 3.0}


@pytest.mark.parametrize(
    ("losses", "names"),
    [
        ("none", []),
        ("global", ["classification", "global"]),
        ("local", ["classification", "local"]),
        ("both", ["classification", "local", "global"]),
    ],
)
def test_objectives_by_hand(losses, names):
    images, targets = batch()
    learned, fixed = small(losses=losses).eval(), small(losses=losses, weights="fixed").eval()
    terms = by_hand(learned.parts(images), targets)
    plain = dict(fixed.state_dict())
    assert fixed.loss_weights is None
    assert "loss_weights" not in plain
    if not names:
        assert learned.loss_weights is None
        assert learned.objective(images, targets).item() == pytest.approx(terms["classification"], rel=1e-5)
        return
    assert learned.loss_weights.tolist() == [1.0] * len(names)
    with torch.no_grad():
        learned.loss_weights.copy_(torch.tensor([WEIGHTS[name] for name in names]))
    expected = sum(terms[k] / (2 * WEIGHTS[k] ** 2) + math.log(1 + WEIGHTS[k] ** 2) for k in names)
    assert learned.objective(images, targets).item() == pytest.approx(expected, rel=1e-5)
    fixed.load_state_dict({key: learned.state_dict()[key] for key in plain})
    scaled = sum({"classification": 1, "local": 2, "global": 10}[k] * terms[k] for k in names)
    assert fixed.objective(images, targets).item() == pytest.approx(scaled, rel=1e-5)


def test_temperature_reduction_and_divergence_reach_the_losses():
    images, targets = batch()
    found = {}
    for key, options in {
        "usual": {},
        "cool": {"temperature": 0.5},
        "elements": {"reduction": "elements"},
        "sinkhorn": {"divergence": "sinkhorn"},
    }.items():
        module = small(**options).eval()
        found[key] = {k: v.item() for k, v in module.terms(module.parts(images), targets).items()}
    assert len({terms["global"] for terms in found.values()}) == 4
    assert len({terms["local"] for terms in found.values()}) == 4
    assert len({terms["classification"] for terms in found.values()}) == 1
    assert found["elements"]["global"] == pytest.approx(found["usual"]["global"] / 2, rel=1e-5)
    assert found["elements"]["local"] == pytest.approx(math.sqrt(found["usual"]["local"]), rel=1e-5)


@pytest.mark.parametrize("losses", ["none", "global", "local", "both"])
def test_every_parameter_gets_a_gradient(losses):
    module = small(losses=losses).train()
    module.objective(*batch()).backward()
    without = [name for name, p in module.named_parameters() if p.grad is None or not p.grad.any()]
    assert without == []
    if losses != "none":
        assert "loss_weights" in dict(module.named_parameters())
        assert "loss_weights" not in prunable(module)


def test_the_information_losses_do_not_move_what_they_compare_with():
    module = small().eval()
    images, targets = batch()
    terms = module.terms(module.parts(images), targets)
    for name in ("local", "global"):
        assert torch.autograd.grad(terms[name], module.whole.weight, retain_graph=True, allow_unused=True) == (None,)
    (other,) = torch.autograd.grad(terms["global"], module.verdict.weight, retain_graph=True)
    assert other.any()
    assert torch.autograd.grad(terms["local"], module.verdict.weight, allow_unused=True) == (None,)


def test_soft_targets_mix_the_cross_entropies():
    module = small(losses="none").eval()
    images, targets = batch()
    hard, other = nn.functional.one_hot(targets, 2).float(), nn.functional.one_hot(1 - targets, 2).float()
    one, two = module.objective(images, targets), module.objective(images, 1 - targets)
    assert torch.allclose(module.objective(images, hard), one)
    assert torch.allclose(module.objective(images, 0.75 * hard + 0.25 * other), 0.75 * one + 0.25 * two)


def test_training_with_the_papers_mixup_lowers_the_objective():
    module = small(dropout=0.1).train()
    images, targets = batch(16)
    images[targets == 1, 0] *= 0.3
    augmentation = parse_augmentation("mixup-alpha-0.5")
    optimiser = torch.optim.Adam(module.parameters(), lr=1e-3)
    values = []
    for step in range(8):
        mix = augmentation.mix(16, np.random.default_rng(step))
        weight = torch.from_numpy(mix.weight)[:, None, None, None]
        mixed = images * weight + images[torch.from_numpy(mix.partner)] * (1 - weight)
        loss = module.objective(mixed, torch.from_numpy(mix.targets(targets.numpy(), 2)))
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        values.append(loss.item())
    assert np.mean(values[-3:]) < values[0]
    assert (module.loss_weights != 1).all()


def test_the_papers_mixup_has_its_own_alpha_and_meets_every_sample():
    for spec, variance in (("mixup-alpha-0.5", 1 / 8), ("mixup:1", 1 / 5.6)):
        weight = parse_augmentation(spec).mix(40_000, np.random.default_rng(0)).weight
        assert weight.mean() == pytest.approx(0.5, abs=0.01)
        assert weight.var() == pytest.approx(variance, abs=0.003), "Beta(a, a) has the variance 1 / (8 a + 4)"
    with pytest.raises(ClewError, match="mixed once"):
        parse_augmentation("mixup,mixup-alpha-0.5")


def test_evaluation_repeats_and_training_drops():
    module = small()
    images, _ = batch()
    module.eval()
    assert torch.equal(module(images), module(images))
    module.train()
    assert not torch.equal(module(images), module(images))


def test_the_objective_is_float32_under_autocast():
    module = small().train()
    images, targets = batch()
    for soft in (targets, nn.functional.one_hot(targets, 2).float()):
        with torch.autocast("cpu", torch.bfloat16):
            loss = module.objective(images, soft)
        assert loss.dtype == torch.float32
        assert loss.isfinite()
    loss.backward()
    assert module.loss_weights.grad.dtype == torch.float32


def test_the_config_survives_json_and_its_state_loads():
    options = {
        "backbone": "meso4", "blocks": 2, "losses": "global", "divergence": "sinkhorn", "reduction": "elements",
        "temperature": 2.0, "weights": "learned", "dropout": 0.2,
    }  # fmt: skip
    config = resolve("mi_net", SIZE, 2, options)
    again = Config(**json.loads(json.dumps(config.as_dict())))
    assert again == config
    module = network(again)
    module.load_state_dict(initial_state(config, 3))
    assert module.settings.names == ("classification", "global")
    assert module(torch.rand(2, 3, SIZE, SIZE)).shape == (2, 2)


@pytest.mark.parametrize(
    ("options", "why"),
    [
        ({"backbone": "resnet99"}, "unknown detector 'resnet99'"),
        ({"backbone": "mi_net"}, "its backbone cannot be mi_net itself"),
        ({"backbone": 3}, "expected the name of a detector as backbone, found 3"),
        ({"blocks": 1}, "blocks must be a whole number from 2 to 64, found 1"),
        ({"blocks": 2.5}, "blocks must be a whole number .*, found 2.5"),
        ({"blocks": True}, "blocks must be a whole number .*, found True"),
        ({"losses": "lil"}, "unknown loss of mi_net 'lil'. Known: both, global, local, none"),
        ({"losses": ["local"]}, "unknown loss of mi_net"),
        ({"divergence": "js"}, "unknown divergence of mi_net 'js'. Known: kl, sinkhorn"),
        ({"reduction": "sum"}, "unknown reduction of mi_net 'sum'. Known: batch, elements"),
        ({"temperature": 0}, "temperature must be a number from 0.01 to 100, found 0"),
        ({"temperature": math.nan}, "temperature must be a number"),
        ({"temperature": "1.5"}, "temperature must be a number .*, found '1.5'"),
        ({"weights": "1,2,10"}, "unknown kind of weights of mi_net '1,2,10'. Known: fixed, learned"),
        ({"dropout": 1}, "dropout must be a number from 0 to 0.99, found 1"),
        ({"heads": 3}, "has no option 'heads'. Known: backbone, blocks, losses"),
    ],
)
def test_wrong_options_say_what_is_known(options, why):
    with pytest.raises(ClewError, match=why):
        build("mi_net", SIZE, 2, {"backbone": "cnn5", **options})


OUTSIDE = """
from torch import nn
from clew.detectors import Detector, Facts
from clew.detectors.nets.mi_net import MiNet

class Nested(Detector):
    facts = Facts(input_size=48, multiple=8, cam_layer="conv", classifier="tail.last")
    width = 4
    def __init__(self, input_size, classes):
        super().__init__(input_size, classes)
        self.conv = nn.Conv2d(3, 4, 3, stride=2)
        self.tail = nn.ModuleDict({"last": nn.Linear(4, classes)})
    def features(self, images):
        return self.conv(images).relu().mean((2, 3))

class Lost(Nested):
    facts = Facts(input_size=48, multiple=8, cam_layer="conv", classifier="tail.first")

class Whole(Detector):
    facts = Nested.facts
    width = 4
    def logits(self, images):
        return images.mean((2, 3))[:, :2]

class Widthless(Detector):
    facts = Nested.facts
    def features(self, images):
        return images.mean((2, 3))

class Plain(nn.Module):
    facts = Nested.facts
    def __init__(self, input_size, classes):
        super().__init__()

def itself(input_size, classes):
    return MiNet(input_size, classes, "cnn5", 2)
itself.facts = Nested.facts
"""


def test_backbones_from_outside(tmp_path, monkeypatch):
    (tmp_path / "outside_backbones.py").write_text(OUTSIDE)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "outside_backbones", raising=False)
    module = build("mi_net", SIZE, 2, {"backbone": "outside_backbones:Nested", "blocks": 2}).train()
    module.objective(*batch()).backward()
    assert all(p.grad is not None for p in module.parameters())
    assert module.cam_layers == ("blocks.0.conv", "blocks.1.conv")
    with pytest.raises(ClewError, match="MiNet: the input size must be a multiple of 8, found 36"):
        build("mi_net", 36, 2, {"backbone": "outside_backbones:Nested"})
    for name, why in (
        ("Lost", "has no submodule 'tail.first', its classifier"),
        ("Whole", "has no method 'features' of its own"),
        ("Widthless", "does not state its 'width'"),
        ("Plain", "expected a clew.detectors.Detector as backbone, 'outside_backbones:Plain' is none"),
        ("itself", "its backbone cannot be mi_net itself"),
    ):
        with pytest.raises(ClewError, match=why):
            build("mi_net", SIZE, 2, {"backbone": f"outside_backbones:{name}"})
