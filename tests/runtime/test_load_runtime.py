"""Tickets made ready to run: the same answers in every form, work kept and never believed blindly, no torch needed."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from clew.base.errors import ClewError
from clew.detectors.base import Config
from clew.detectors.build import initial_state, network
from clew.detectors.layers import prunable
from clew.runtime import choosing
from clew.runtime.cache import KEY, Cache
from clew.runtime.forms import forms
from clew.runtime.load import known_forms, load_runtime
from clew.tickets.file import TicketFile, write_ticket
from clew.tickets.ticket import load_ticket
from clew.tickets.tracing import graph_facts

CROPS = np.random.default_rng(0).integers(0, 256, (5, 40, 36, 3)).astype(np.uint8)
HEAVY = (
    "torch",
    "scipy",
    "sklearn",
    "pyarrow",
    "lightning",
    "h5py",
    "captum",
    "jinja2",
    "yaml",
    "ray",
    "onnx",
    "openvino",
)


def header(**more):
    return {"protocol": "p", "search": {}, "sparsity": {}, "data": [], "metrics": {}, **more}


@pytest.fixture(scope="module")
def ticket(tmp_path_factory):
    """A pruned cnn5 with a calibration."""
    config = Config("cnn5", 37, 3)
    state = {name: tensor.numpy() for name, tensor in initial_state(config, 0).items()}
    rng = np.random.default_rng(1)
    mask = {name: rng.random(state[name].shape) < 0.2 for name in prunable(network(config))}
    values = {name: np.where(kept, 4 * state[name], 0).astype(np.float32) for name, kept in mask.items()}
    rest = {name: tensor for name, tensor in state.items() if name not in mask}
    facts = header(detector=config.as_dict(), calibration={"temperature": 2.0}, classes=["real", "a", "b"])
    path = tmp_path_factory.mktemp("ticket") / "t.safetensors"
    write_ticket(path, TicketFile({**facts, **graph_facts(config)}, mask, values, rest))
    return path


@pytest.mark.parametrize("form", known_forms())
def test_every_form_predicts_as_the_ticket_does(ticket, tmp_path, form):
    try:
        runtime = load_runtime(ticket, form, threads=1, cache=tmp_path)
    except ClewError as error:
        pytest.skip(str(error))
    wanted = load_ticket(ticket)
    near = 1e-5 if forms.get(form).exact else 3e-2
    assert np.abs(runtime.predict(CROPS) - wanted.predict(CROPS)).max() < near
    assert np.abs(runtime.probabilities(CROPS) - wanted.probabilities(CROPS)).max() < near
    assert np.abs(runtime.predict(CROPS / np.float32(255)) - wanted.predict(CROPS / np.float32(255))).max() < near
    halved = np.exp(wanted.logits(CROPS).astype(np.float64) / 2)
    calibrated = halved[:, 1:].sum(1) / halved.sum(1)
    assert np.abs(runtime.predict(CROPS, calibrated=True) - calibrated).max() < near
    assert (runtime.form, runtime.classes, runtime.input_size) == (form, ("real", "a", "b"), 37)
    assert runtime.predict(CROPS[:0]).shape == (0,)


def test_auto_says_why_and_keeps_its_choice(ticket, tmp_path, monkeypatch):
    first = load_runtime(ticket, threads=1, cache=tmp_path)
    assert first.form in forms
    assert first.reason.startswith("the fastest here")
    monkeypatch.setattr(choosing, "_times", lambda *_: pytest.fail("it was measured before"))
    again = load_runtime(ticket, threads=1, cache=tmp_path)
    assert (again.form, again.reason) == (first.form, first.reason)
    assert np.array_equal(again.predict(CROPS), first.predict(CROPS))


def test_what_is_kept_is_used_and_gives_the_same_bits(ticket, tmp_path, monkeypatch):
    from clew.runtime.running import sparse

    first = load_runtime(ticket, "sparse", cache=tmp_path).predict(CROPS)
    monkeypatch.setattr(sparse, "_built", lambda *_: pytest.fail("it is kept"))
    assert np.array_equal(load_runtime(ticket, "sparse", cache=tmp_path).predict(CROPS), first)


def spoil(how, path, folder):
    data = path.read_bytes()
    match how:
        case "a changed byte":
            path.write_bytes(data[:-9] + bytes([data[-9] ^ 1]) + data[-8:])
        case "truncated":
            path.write_bytes(data[: len(data) // 2])
        case "empty":
            path.write_bytes(b"")
        case "of another name":
            other = path.with_name(path.name[:-1] + ("0" if path.name[-1] != "0" else "1"))
            other.write_bytes(data)
            path.write_bytes(b"")
            path.unlink()
            other.rename(path)
            (folder / KEY).write_bytes(os.urandom(32))
        case "writable by others":
            path.chmod(0o666)
        case "in a folder of everybody":
            folder.chmod(0o777)
        case "a link":
            path.rename(folder / "elsewhere")
            path.symlink_to(folder / "elsewhere")
        case "without its key":
            (folder / KEY).unlink()


@pytest.mark.parametrize(
    "how",
    [
        "a changed byte",
        "truncated",
        "empty",
        "of another name",
        "writable by others",
        "in a folder of everybody",
        "a link",
        "without its key",
    ],
)
def test_what_is_kept_is_not_believed_when_it_is(ticket, tmp_path, monkeypatch, how):
    from clew.runtime.running import sparse

    folder = tmp_path / "cache"
    wanted = load_runtime(ticket, "sparse", cache=folder).predict(CROPS)
    (kept,) = folder.glob("sparse-*")
    spoil(how, kept, folder)
    built = []
    make = sparse._built
    monkeypatch.setattr(sparse, "_built", lambda *given: built.append(1) or make(*given))
    assert np.array_equal(load_runtime(ticket, "sparse", cache=folder).predict(CROPS), wanted)
    assert built == [1]


def test_a_cache_is_of_this_user_alone(tmp_path):
    cache = Cache(tmp_path / "cache")
    assert cache.get("name") is None
    assert cache.put("name", b"content")
    assert cache.get("name") == b"content"
    assert cache.get("other") is None
    assert (tmp_path / "cache").stat().st_mode & 0o077 == 0
    assert (tmp_path / "cache" / "name").stat().st_mode & 0o077 == 0
    file = tmp_path / "file"
    file.write_text("")
    assert not Cache(file).put("name", b"content")


def test_bad_input_is_one_clear_error(ticket, tmp_path):
    data = ticket.read_bytes()
    (tmp_path / "cut").write_bytes(data[:-3])
    for path, form, threads, words in (
        (tmp_path / "nowhere", "sparse", 1, "does not exist"),
        (tmp_path / "cut", "sparse", 1, "not a whole ticket"),
        (ticket, "sparser", 1, "sparser.*sparse"),
        (ticket, "sparse", -1, "threads -1"),
    ):
        with pytest.raises(ClewError, match=words):
            load_runtime(path, form, threads, cache=None)
    runtime = load_runtime(ticket, "sparse", 1, cache=None)
    for images, words in (
        (CROPS[0], r"\(40, 36, 3\)"),
        (CROPS.astype(int), "int64"),
        (CROPS.astype(float), "in \\[0, 1\\]"),
    ):
        with pytest.raises(ClewError, match=words):
            runtime.predict(images)


def test_a_ticket_without_a_graph_says_what_to_do(tmp_path):
    config = Config("meso4", 32)
    state = {name: tensor.numpy() for name, tensor in initial_state(config, 0).items()}
    for reason, words in ((None, "--format ticket"), ("it does what no graph can", "what no graph can")):
        facts = header(detector=config.as_dict(), graph=None, **({"graph_reason": reason} if reason else {}))
        write_ticket(tmp_path / "t", TicketFile(facts, {}, {}, state))
        for form in ("sparse", "auto"):
            with pytest.raises(ClewError, match=words):
                load_runtime(tmp_path / "t", form, cache=None)
        assert load_runtime(tmp_path / "t", "masked", cache=None).predict(CROPS).shape == (5,)


ALONE = """
import sys
heavy = set(sys.argv[3].split())
class Without:
    def __init__(self, finder):
        self.finder = finder
    def find_spec(self, name, path=None, target=None):
        return None if name.partition(".")[0] in heavy else self.finder.find_spec(name, path, target)
sys.meta_path[:] = map(Without, sys.meta_path)
import json, numpy as np, clew
crops = np.load(sys.argv[2])
found = {form: clew.load_runtime(sys.argv[1], form, cache=None).predict(crops).tolist() for form in ("sparse", "auto")}
try:
    clew.load_runtime(sys.argv[1], "masked", cache=None)
except clew.ClewError as error:
    found["masked"] = str(error)
print(json.dumps(found))
"""


def test_it_runs_without_torch_and_all_that_trains(ticket, tmp_path):
    np.save(tmp_path / "crops.npy", CROPS)
    command = [sys.executable, "-c", ALONE, str(ticket), str(tmp_path / "crops.npy"), " ".join(HEAVY)]
    done = subprocess.run(command, capture_output=True, text=True, env={**os.environ, "PATH": ""})  # no compiler either
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    wanted = load_ticket(ticket).predict(CROPS)
    assert np.allclose(found["sparse"], wanted, atol=1e-5)
    assert np.allclose(found["auto"], wanted, atol=1e-5)
    assert "torch" in found["masked"]


def test_the_usual_folder_can_be_named(monkeypatch, tmp_path):
    from clew.runtime.cache import usual_folder

    monkeypatch.setenv("CLEW_CACHE", str(tmp_path / "x"))
    assert usual_folder() == tmp_path / "x"
    monkeypatch.delenv("CLEW_CACHE")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert usual_folder() == tmp_path / "clew"
    monkeypatch.delenv("XDG_CACHE_HOME")
    assert usual_folder() == Path.home() / ".cache" / "clew"
