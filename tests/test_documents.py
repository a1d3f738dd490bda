"""What README and guides say is so: commands parse, snippets fit the API, names, numbers and links are the real ones."""

import ast
import inspect
import json
import re
import shlex
from pathlib import Path

import pytest
import torch
import typer

import clew
from clew.base.options import parse_options
from clew.cli.main import app
from clew.datasets.layouts import layouts
from clew.detectors import build, detectors
from clew.tickets.evaluation import corruptions, evaluate
from clew.tickets.find import find_tickets
from clew.tickets.importing import import_weights
from clew.tickets.settings import SearchSettings
from clew.training.augmentations import augmentations
from clew.training.schedule import SCHEDULES
from clew.training.settings import TrainSettings

HOME = Path(__file__).resolve().parents[1]
PAGES = [HOME / "README.md", *sorted((HOME / "docs").glob("*.md"))]
TRAINING = ("epochs", "batch_size", "lr", "weight_decay", "schedule", "patience", "augment", "balance", "accumulate")


def page(name):
    return (HOME / name).read_text()


def blocks(text, kind):
    return re.findall(rf"```{kind}\n(.*?)```", text, re.DOTALL)


def commands():
    """(page, words) of every `clew …` line in the documents' shell blocks."""
    for path in PAGES:
        for block in blocks(path.read_text(), "sh"):
            for line in block.replace("\\\n", " ").splitlines():
                if line.startswith("clew "):
                    yield path.name, tuple(shlex.split(line, comments=True)[1:])


def parsed(words):
    """The options of a command as the command-line library reads them; it raises for what it does not know."""
    command, path = typer.main.get_command(app), []
    while hasattr(command, "commands"):
        command = command.commands[words[len(path)]]
        path.append(command.name)
    return command.make_context("clew", list(words[len(path) :])).params


def rows(text, heading):
    """The cells of the table whose header begins with a cell."""
    lines = text[text.index(f"| {heading} ") :].split("\n\n")[0].splitlines()[2:]
    return [[cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]] for line in lines]


def ticked(text):
    return re.findall(r"`([^`]+)`", text)


@pytest.mark.parametrize(("where", "words"), sorted(set(commands())))
def test_the_commands_are_what_the_program_takes(where, words):
    found = parsed(words)
    TrainSettings(**{name: found[name] for name in TRAINING if name in found})
    options = parse_options(found.get("set_") or [])
    name = found.get("detector", "")
    if name and ":" not in name:
        with torch.device("meta"):
            build(name, found["size"], options=options)
    assert found.get("layout", "folder") in {*layouts, "NAME"}


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.name)
def test_the_snippets_fit_the_api(path):
    for block in blocks(path.read_text(), "python"):
        for node in ast.walk(ast.parse(block)):
            if isinstance(node, ast.Attribute) and getattr(node.value, "id", "") == "clew":
                assert node.attr in clew.__all__
            if isinstance(node, ast.Call) and getattr(getattr(node.func, "value", None), "id", "") == "clew":
                inspect.signature(getattr(clew, node.func.attr)).bind(
                    *node.args, **{keyword.arg: keyword.value for keyword in node.keywords}
                )


def test_the_detector_of_the_guide_works():
    (code,) = blocks(page("docs/detectors.md"), "python")
    made = {"__name__": "guide"}
    exec(compile("from __future__ import annotations\n" + code, "detectors.md", "exec"), made)
    assert made["Small"](32, 3, kernel=3)(torch.rand(2, 3, 32, 32)).shape == (2, 3)


@pytest.mark.parametrize("path", [*PAGES, HOME / "CONTRIBUTING.md", HOME / "CHANGELOG.md"], ids=lambda path: path.name)
def test_links_lead_somewhere(path):
    for target in re.findall(r"\]\(([^)#]+)\)", path.read_text()):
        assert target.startswith("https://") or (path.parent / target).exists(), target


@pytest.mark.parametrize("name", ["README.md", "docs/detectors.md"])
def test_the_detectors_and_their_sizes(name):
    told = {}
    for networks, parameters, size, *_ in rows(page(name), "`--detector`"):
        numbers = [int(number.replace(",", "")) for number in parameters.split(";")]
        told |= {net: (number, int(size)) for net, number in zip(ticked(networks), numbers, strict=True)}
    with torch.device("meta"):
        nets = {key: build(key) for key in detectors if ":" not in key}
    assert told == {k: (sum(p.numel() for p in net.parameters()), net.input_size) for k, net in nets.items()}


def test_the_options_of_mi_net():
    told = {ticked(name)[0]: default.strip("`") for name, default, _ in rows(page("docs/detectors.md"), "`--set`")}
    taken = inspect.signature(detectors.get("mi_net")).parameters
    assert told == {k: str(p.default) for k, p in taken.items() if k not in ("input_size", "classes")}


def test_the_schedules_augmentations_and_corruptions():
    training = page("docs/training.md")
    assert {ticked(row[0])[0] for row in rows(training, "`--schedule`")} == set(SCHEDULES)
    assert all(re.search(rf"\b{re.escape(name)}\b", training) for name in augmentations)
    told = {ticked(name)[0]: levels for name, levels in rows(page("docs/evaluation.md"), "corruption")}
    assert set(told) == set(corruptions)
    for name in corruptions:
        assert ", ".join(f"{level:g}" for level in corruptions.get(name).levels) in told[name]


def keys_of(found):
    """All keys of nested JSON, but for those that are data: layers and their counts."""
    for key, value in found.items() if isinstance(found, dict) else ():
        yield key
        yield from () if key in ("layers", "shapes", "rest") else keys_of(value)
    for value in found if isinstance(found, list) else ():
        yield from keys_of(value)


def test_every_key_of_the_files_is_told(store_path, tmp_path):
    """Of a ticket trained here and an imported one, the settings, and an evaluation of both kinds."""
    ladder = find_tickets(
        store_path, tmp_path / "run", detector="meso4", input_size=32, methods=(), seeds=1, device="cpu",
        precision="fp32", memory_format="contiguous", threads=1, training=TrainSettings(epochs=1),
    )  # fmt: skip
    ticket = ladder.ticket("dense", 0.0, 0)
    torch.save(ticket.detector().state_dict(), tmp_path / "weights.pth")
    foreign = import_weights(tmp_path / "weights.pth", "meso4", tmp_path / "foreign.safetensors", 32)
    found = evaluate(tmp_path / "run", [store_path], corrupt=True, limit=8, resamples=100)
    told = set(ticked(re.sub(r"`\{[^`]*\}`", "", page("docs/formats.md"))))
    inside = {
        "mean",
        "low",
        "high",
        "n",
        "count",
        "weight",
        "share",
        "hash",
        "sparsity",
    }  # of figures, bins and tickets
    lacking = {
        key
        for what in (ticket.header, foreign.header, SearchSettings.from_dict(ladder.settings).as_dict(), found)
        for key in keys_of(json.loads(json.dumps(what)))
        if key not in told | inside
    }
    assert not lacking
