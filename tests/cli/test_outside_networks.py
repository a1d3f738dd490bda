"""Networks from outside: their code runs because the user names it, never because a file does."""

import sys
import textwrap

import pytest
import torch
import typer
from typer.testing import CliRunner

from clew.base.errors import ClewError
from clew.cli import evaluate, import_weights

app = typer.Typer()
app.command("import")(import_weights.import_weights)
app.command("evaluate")(evaluate.evaluate)

NET = """
    from torch import nn
    from clew.detectors import Detector, Facts
    class Own(Detector):
        facts = Facts(input_size=32, multiple=8, cam_layer="body")
        width = 4
        def __init__(self, input_size=32, classes=2):
            super().__init__(input_size, classes)
            self.body, self.head = nn.Conv2d(3, 4, 3, 2), nn.Linear(4, classes)
        def features(self, images):
            return self.body(images).mean((2, 3))
"""


def clew(*words):
    """What a command prints; raises what it raises."""
    done = CliRunner().invoke(app, [*map(str, words)], catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return done.output


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A folder to work in, with a network of one's own, which Python does not find by itself."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [part for part in sys.path if part])
    (tmp_path / "own_nets_here.py").write_text(textwrap.dedent(NET))
    yield tmp_path
    sys.modules.pop("own_nets_here", None)


def test_a_network_in_the_folder_is_imported_and_evaluated_when_it_is_trusted(folder, store_path):
    torch.manual_seed(0)
    clew_named = "own_nets_here:Own"
    state = {"body.weight": (4, 3, 3, 3), "body.bias": (4,), "head.weight": (2, 4), "head.bias": (2,)}
    torch.save({name: torch.randn(shape) for name, shape in state.items()}, folder / "w.pth")
    clew("import", "w.pth", "--detector", clew_named, "--out", "t.safetensors")
    sys.modules.pop("own_nets_here")
    with pytest.raises(ClewError, match=r"^t\.safetensors needs the network 'own_nets_here:Own' .* --trust own_nets_h"):
        clew("evaluate", "t.safetensors", store_path)
    assert "own_nets_here" not in sys.modules
    text = clew("evaluate", "t.safetensors", store_path, "--resamples", "100", "--trust", clew_named)
    assert text.startswith("own_nets_here:Own (1 seed)")


def test_a_file_imports_no_backbone_either(folder, store_path):
    """An option of a network that Clew knows may name code, too."""
    from clew.tickets.importing import import_weights as read
    from clew.tickets.ticket import Ticket

    (folder / "hostile_backbone.py").write_text("raise SystemExit('it ran')")
    sys.path.append(str(folder))
    from clew.detectors.base import Config
    from clew.detectors.build import initial_state

    torch.save(initial_state(Config("meso4", 32), 0), folder / "w.pth")
    made = read(folder / "w.pth", "meso4", folder / "t.safetensors", 32)
    made.header["detector"] = {"name": "mi_net", "input_size": 32, "options": {"backbone": "hostile_backbone:Net"}}
    with pytest.raises(ClewError, match="needs the network 'hostile_backbone:Net' from outside"):
        Ticket(made.content, "t.safetensors").detector()
    assert "hostile_backbone" not in sys.modules


def test_a_module_that_fails_is_told(folder):
    (folder / "broken_nets.py").write_text("1 / 0")
    torch.save({}, folder / "w.pth")
    with pytest.raises(ClewError, match="'broken_nets' fails as it is imported .ZeroDivisionError: division by zero"):
        clew("import", "w.pth", "--detector", "broken_nets:X", "--out", "t")
