"""`clew import`, and `clew tickets show` of what it writes."""

import json

import pytest
import torch
import typer
from typer.testing import CliRunner

from clew.base.errors import ClewError
from clew.cli import import_weights, tickets_show
from clew.detectors.base import Config
from clew.detectors.build import initial_state

app = typer.Typer()
app.command("import", epilog=import_weights.EXAMPLE)(import_weights.import_weights)
app.command("show")(tickets_show.show)


def clew(*words):
    """What a command prints; raises what it raises."""
    done = CliRunner().invoke(app, [*map(str, words)], catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return done.output


def weights(path, classes):
    torch.save({"state_dict": initial_state(Config("meso4", 32, classes), 0)}, path)
    return path


@pytest.mark.parametrize(
    ("classes", "meaning"),
    [
        (1, "1 logit, which speaks for real"),
        (2, "2 classes, taken as 0 real, 1 fake"),
        (6, "6 classes, taken as 0 real, 1 method 1, 2 method 2, 3 method 3, ..."),
    ],
)
def test_what_was_read_is_told(classes, meaning, tmp_path):
    path, out = weights(tmp_path / "w.pth", classes), tmp_path / "t.safetensors"
    text = clew("import", path, "--detector", "meso4", "--size", "32", "--out", out)
    assert "PyTorch, 32 tensors" in text
    assert meaning in text
    assert f"{out.stat().st_size / 1024:.1f} KiB, meso4 at 32 px" in text
    shown = clew("show", out)
    assert "imported from w.pth (PyTorch, SHA-256 " in shown
    assert meaning in shown
    assert "not measured yet" in shown


def test_json(tmp_path):
    path, out = weights(tmp_path / "w.pth", 3), tmp_path / "t.safetensors"
    found = json.loads(
        clew("import", path, "--detector", "meso4", "--size", 32, "--classes", 3, "--out", out, "--json")
    )
    assert (found["ticket"], found["bytes"], found["tensors"]) == (str(out), out.stat().st_size, 32)
    assert found["detector"] == {"name": "meso4", "input_size": 32, "classes": 3}
    shown = json.loads(clew("show", out, "--json"))
    assert {key: shown[key] for key in ("source", "classes", "search")} == {
        key: found[key] for key in ("source", "classes", "search")
    }


def test_mistakes(tmp_path):
    path, out = weights(tmp_path / "w.pth", 2), tmp_path / "t.safetensors"
    with pytest.raises(ClewError, match="detector 'meso4' has no option 'depth'"):
        clew("import", path, "--detector", "meso4", "--size", "32", "--set", "depth=3", "--out", out)
    with pytest.raises(ClewError, match="--set depth: expected KEY=VALUE"):
        clew("import", path, "--detector", "meso4", "--set", "depth", "--out", out)
    with pytest.raises(ClewError, match=r"w\.pth: 'hidden\.weight' has shape \(16, 16\), expected \(16, 1024\)"):
        clew("import", path, "--detector", "meso4", "--out", out)
    with pytest.raises(ClewError, match="asked for 4 classes"):
        clew("import", path, "--detector", "meso4", "--size", "32", "--classes", "4", "--out", out)
    assert not out.exists()


def test_help_has_an_example():
    assert "Example: clew import Meso4_DF.h5" in clew("import", "--help")
