"""Tickets made of others' weights, and starts from them."""

import json
from dataclasses import replace

import cv2
import numpy as np
import pytest
import torch
from torch import nn

from clew.base.errors import ClewError
from clew.base.hashing import hash_file
from clew.detectors.base import Config, Facts
from clew.detectors.build import initial_state, network
from clew.runtime.reference import run_reference
from clew.tickets.file import read_ticket
from clew.tickets.given import given_file, given_note, given_start, given_state, is_ticket
from clew.tickets.header import REQUIRED
from clew.tickets.importing import class_names, import_weights
from clew.tickets.ticket import Ticket, load_ticket
from clew.training.weights import save_state

SIZE = 32


def weights(path, classes=2, seed=1, name="meso4"):
    """A .pth of a fresh network; returns its path and its state."""
    state = initial_state(Config(name, SIZE, classes), seed)
    torch.save(state, path)
    return path, state


@pytest.mark.parametrize("classes", [1, 2, 5])
def test_a_ticket_of_others_weights_predicts_as_their_network(classes, tmp_path):
    path, state = weights(tmp_path / "theirs.pth", classes)
    module = network(Config("meso4", SIZE, classes))
    module.load_state_dict(state)
    images = np.random.default_rng(0).random((3, SIZE, SIZE, 3)).astype(np.float32)
    with torch.inference_mode():
        real = torch.softmax(module.eval()(torch.from_numpy(images).permute(0, 3, 1, 2)).double(), 1)[:, 0]
    made = import_weights(path, "meso4", tmp_path / "t.safetensors", SIZE)
    read = load_ticket(tmp_path / "t.safetensors")
    assert read.config == Config("meso4", SIZE, classes)
    for ticket in (made, read):
        np.testing.assert_allclose(ticket.predict(images), 1 - real.numpy(), atol=1e-6)
        assert all(torch.equal(ticket.state()[name], state[name]) for name in state)


def test_the_header_tells_where_the_weights_come_from(tmp_path):
    path, _ = weights(tmp_path / "theirs.pth", 4)
    import_weights(path, "meso4", tmp_path / "t.safetensors", SIZE)
    header = read_ticket(tmp_path / "t.safetensors").header
    assert set(REQUIRED) <= set(header)
    assert header["classes"] == ["real", "method 1", "method 2", "method 3"]
    assert header["data"] == [{"name": "theirs.pth", "hash": hash_file(path), "protocol": "as-given"}]
    assert (header["search"]["method"], header["search"]["seed"], header["metrics"]) == ("imported", None, {})
    # Kernels 3*3*3*8 + 5*5*8*8 + 5*5*8*16 + 5*5*16*16, dense 16*16 + 16*4; biases 8+8+16+16+16+4, BatchNorm 4*48.
    assert header["sparsity"]["prunable"] == 216 + 1600 + 3200 + 6400 + 256 + 64 == header["sparsity"]["remaining"]
    assert header["source"]["parameters"] == header["sparsity"]["prunable"] + 68 + 192
    # 32*32*216 + 16*16*1600 + 8*8*3200 + 4*4*6400 + 256 + 64
    assert header["sparsity"]["macs"] == 221184 + 409600 + 204800 + 102400 + 320
    assert class_names(1) == class_names(2) == ["real", "fake"]


def test_weights_that_are_zero_stay_unpruned(tmp_path):
    path, state = weights(tmp_path / "w.pth")
    state["hidden.weight"][:] = 0
    torch.save(state, path)
    ticket = import_weights(path, "meso4", tmp_path / "t.safetensors", SIZE)
    assert ticket.sparsity == 0
    assert load_ticket(tmp_path / "t.safetensors").mask["hidden.weight"].all()


def test_equal_weights_give_equal_bytes(tmp_path):
    path, _ = weights(tmp_path / "w.pth")
    for name in ("a", "b"):
        import_weights(path, "meso4", tmp_path / name, SIZE)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def test_the_number_of_classes_may_be_asked_for(tmp_path):
    path, _ = weights(tmp_path / "w.pth", 5)
    assert import_weights(path, "meso4", tmp_path / "t", SIZE, 5).config.classes == 5
    with pytest.raises(
        ClewError, match=r"w\.pth: the weights have 5 classes, asked for 2 classes: .*'clew train --from'"
    ):
        import_weights(path, "meso4", tmp_path / "t2", SIZE, 2)
    weights(path, 1)
    with pytest.raises(
        ClewError, match=r"have 1 class \(a single logit\), asked for 2 classes: .* 'clew train --from'"
    ):
        import_weights(path, "meso4", tmp_path / "t2", SIZE, 2)
    assert not (tmp_path / "t2").exists()


def test_only_a_ticket_is_written_over(tmp_path):
    path, _ = weights(tmp_path / "w.pth")
    out = tmp_path / "t.safetensors"
    import_weights(path, "meso4", out, SIZE)
    before = out.read_bytes()
    weights(path, seed=2)
    import_weights(path, "meso4", out, SIZE)
    assert out.read_bytes() != before
    for taken in (path, tmp_path):
        with pytest.raises(ClewError, match="exists and is not a ticket"):
            import_weights(path, "meso4", taken, SIZE)
    with pytest.raises(ClewError, match="is a ticket already"):
        import_weights(out, "meso4", tmp_path / "other", SIZE)


class Wide(nn.Module):
    """A network from outside that takes an option."""

    facts = Facts(input_size=SIZE, multiple=1, cam_layer="conv", classifier="last")

    def __init__(self, input_size=SIZE, classes=2, width=3):
        super().__init__()
        self.conv = nn.Conv2d(3, width, 3)
        self.last = nn.Linear(width, classes)

    def forward(self, images):
        return self.last(self.conv(images).mean((2, 3)))


def test_options_are_kept_and_outside_networks_work(tmp_path):
    name = f"{__name__}:Wide"
    torch.save(Wide(width=6, classes=3).state_dict(), tmp_path / "w.pth")
    ticket = import_weights(tmp_path / "w.pth", name, tmp_path / "t", options={"width": 6})
    assert ticket.config == Config(name, SIZE, 3, {"width": 6})
    assert ticket.predict(np.zeros((1, 8, 8, 3), np.uint8)).shape == (1,)
    with pytest.raises(ClewError, match=r"'conv\.weight' has shape \(6, 3, 3, 3\), expected \(3, 3, 3, 3\).*options"):
        import_weights(tmp_path / "w.pth", name, tmp_path / "t2")


def test_the_originals_own_answers(shared, tmp_path):
    folder = shared("mesonet")
    expected = json.loads((folder / "expected.json").read_text())
    for name, detector in (("Meso4_DF", "meso4"), ("MesoInception_DF", "mesoinception4")):
        ticket = import_weights(folder / f"{name}.h5", detector, tmp_path / name)
        assert ticket.config.classes == 1
        pictures = [cv2.imread(str(folder / picture))[:, :, ::-1] for picture in expected[name]]
        fake = load_ticket(tmp_path / name).predict(np.stack(pictures))
        np.testing.assert_allclose(1 - fake, list(expected[name].values()), atol=1e-4)


# Starts from given weights


def test_a_start_takes_over_everything_of_fitting_weights(tmp_path):
    path, state = weights(tmp_path / "w.pth")
    given = given_start(path, Config("meso4", SIZE))
    assert given.note == ""
    assert all(torch.equal(given.state[name], state[name]) for name in state)


@pytest.mark.parametrize("theirs", [1, 7])
@pytest.mark.parametrize("as_ticket", [False, True])
def test_another_number_of_classes_gets_a_fresh_classifier(theirs, as_ticket, tmp_path):
    path, state = weights(tmp_path / "w.pth", theirs)
    if as_ticket:
        import_weights(path, "meso4", tmp_path / "t.safetensors", SIZE)
        path = tmp_path / "t.safetensors"
    config = Config("meso4", SIZE, 3)
    starts = {seed: given_state(path, config, seed) for seed in (0, 1)}
    for seed, found in starts.items():
        fresh = initial_state(config, seed)
        for name in fresh:
            wanted = fresh[name] if name.startswith("head.") else state[name]
            assert torch.equal(found[name], wanted), name
    assert not torch.equal(starts[0]["head.weight"], starts[1]["head.weight"])
    words = "one logit" if theirs == 1 else "7 classes"
    assert given_note(path, config) == f"{path}: its classifier of {words} is replaced by a fresh one of 3 classes"
    assert given_note(path, Config("meso4", SIZE, theirs)) == ""


def test_only_the_classifier_may_differ(tmp_path):
    path, state = weights(tmp_path / "w.pth")
    state["hidden.bias"] = torch.zeros(5)
    torch.save(state, path)
    with pytest.raises(ClewError, match=r"'hidden\.bias' has shape \(5,\), expected \(16,\)"):
        given_state(path, Config("meso4", SIZE))


def test_tickets_of_others_detectors_and_damaged_ones(tmp_path):
    path, state = weights(tmp_path / "w.pth")
    ticket = tmp_path / "t.safetensors"
    import_weights(path, "meso4", ticket, SIZE)
    with pytest.raises(ClewError, match=r"t\.safetensors is a ticket of meso4, the search is for cnn5"):
        given_state(ticket, Config("cnn5", SIZE))
    ticket.write_bytes(ticket.read_bytes()[:-1])
    with pytest.raises(ClewError, match=r"t\.safetensors"):
        given_state(ticket, Config("meso4", SIZE))
    save_state(tmp_path / "rewind.safetensors", state)  # has facts of Clew in it, and is no ticket
    assert not is_ticket(tmp_path / "rewind.safetensors")
    assert given_state(tmp_path / "rewind.safetensors", Config("meso4", SIZE)).keys() == state.keys()


def test_given_files(tmp_path):
    path, _ = weights(tmp_path / "w.pth")
    assert given_file(path) == path
    with pytest.raises(ClewError, match="holds no weights"):
        given_file(tmp_path)
    (tmp_path / "run" / "tickets").mkdir(parents=True)
    for seed in (0, 1):
        made = tmp_path / "run" / "tickets" / f"dense-s{seed}.safetensors"
        import_weights(path, "meso4", made, SIZE)
        if seed == 0:
            assert given_file(tmp_path / "run") == made
    with pytest.raises(ClewError, match="holds 2 dense nets: name one of them"):
        given_file(tmp_path / "run")


@pytest.mark.parametrize("classes", [1, 3])
def test_another_class_may_be_real(tmp_path, classes):
    """A single logit for fake is turned round; of several classes the real one comes first."""
    torch.manual_seed(0)
    module = network(Config("cnn5", 32, classes)).eval()
    torch.save(module.state_dict(), tmp_path / "w.pth")
    crops = np.random.default_rng(0).random((4, 32, 32, 3)).astype(np.float32)
    with torch.inference_mode():
        logits = module(torch.from_numpy(crops).permute(0, 3, 1, 2)).double()
    chance = torch.softmax(logits, 1).numpy()
    plain = import_weights(tmp_path / "w.pth", "cnn5", tmp_path / "a.safetensors", 32)
    turned = import_weights(tmp_path / "w.pth", "cnn5", tmp_path / "b.safetensors", 32, real=1)
    assert np.allclose(plain.predict(crops), 1 - chance[:, 0], atol=1e-5)
    assert np.allclose(turned.predict(crops), 1 - chance[:, 1], atol=1e-5)
    with pytest.raises(ClewError, match=r"--real 7: expected 0 to"):
        import_weights(tmp_path / "w.pth", "cnn5", tmp_path / "c.safetensors", 32, real=7)
    assert not (tmp_path / "c.safetensors").exists()


@pytest.mark.parametrize("classes", [1, 3])
def test_every_head_gets_the_real_class_first(tmp_path, classes):
    """mi_net has n + 2 heads, which must tell the classes in one order."""
    options = {"backbone": "meso4", "blocks": 2}
    config = Config("mi_net", 32, classes, options)
    module = network(config).eval()
    torch.save(module.state_dict(), tmp_path / "w.pth")
    ticket = import_weights(tmp_path / "w.pth", "mi_net", tmp_path / "t", 32, classes, options, real=1)
    turned, images = ticket.detector(), torch.rand(2, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    order = [1, 0, 2] if classes == 3 else [1, 0]
    with torch.inference_mode():
        before, after = (torch.softmax(torch.cat([p.whole[None], p.without, p.verdict[None]]), -1) for p in (
            module.parts(images), turned.parts(images)))  # fmt: skip
    torch.testing.assert_close(after, before[..., order])
    assert len(after) == 4
    assert load_ticket(tmp_path / "t").header["source"]["real"] == 1


class Normalised(Wide):
    """A network whose classes are more than rows of a head."""

    facts = Facts(input_size=SIZE, multiple=1, cam_layer="conv", classifier="last")

    def __init__(self, input_size=SIZE, classes=2):
        super().__init__(input_size, classes)
        self.norm = nn.BatchNorm1d(classes, affine=False)

    def forward(self, images):
        return self.norm(super().forward(images))


def test_classes_that_cannot_be_reordered_are_refused(tmp_path):
    torch.save(Normalised().state_dict(), tmp_path / "w.pth")
    with pytest.raises(ClewError, match=r"w\.pth: --real 1: 'norm\.running_mean' of .* is no plain head by class"):
        import_weights(tmp_path / "w.pth", f"{__name__}:Normalised", tmp_path / "t", real=1)
    plain = import_weights(tmp_path / "w.pth", f"{__name__}:Normalised", tmp_path / "t")
    assert plain.header["source"]["real"] == 0


def test_the_header_has_the_graph_of_the_network(tmp_path):
    """What the file alone says of the network gives what the network gives."""
    path, _ = weights(tmp_path / "w.pth", 1)
    ticket = import_weights(path, "meso4", tmp_path / "t", SIZE)
    read = load_ticket(tmp_path / "t")
    assert read.header["graph"] == ticket.graph().as_dict() == read.graph().as_dict()
    assert "graph_reason" not in read.header
    images = np.random.default_rng(0).random((2, 3, SIZE, SIZE), np.float32)
    found = run_reference(read.graph(), read.content.tensors, images)
    np.testing.assert_allclose(found, read.logits(images.transpose(0, 2, 3, 1)), atol=1e-5)


def test_a_ticket_of_format_1_gets_its_graph_when_asked(tmp_path):
    path, _ = weights(tmp_path / "w.pth")
    ticket = import_weights(path, "meso4", tmp_path / "t", SIZE)
    old = Ticket(replace(ticket.content, header={**ticket.header, "format": 1, "graph": None}))
    assert old.graph() == ticket.graph()


def test_a_network_without_a_graph_gets_its_ticket_with_the_reason(tmp_path):
    name = f"{__name__}:Bent"
    torch.save(Bent().state_dict(), tmp_path / "w.pth")
    import_weights(tmp_path / "w.pth", name, tmp_path / "t")
    read = load_ticket(tmp_path / "t")
    assert read.header["graph"] is None
    assert read.header["graph_reason"].startswith("Bent: 'tanh' in Bent has no counterpart in an inference graph")
    with pytest.raises(ClewError, match=r"t: Bent: 'tanh' in Bent has no counterpart"):
        read.graph()


class Bent(Wide):
    """A network that graphs have no counterpart of."""

    def forward(self, images):
        return super().forward(images).tanh()
