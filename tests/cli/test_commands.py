"""Every command as a user meets it: help with an example, JSON, and one clear line for bad input."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from clew.cli.main import app
from clew.tickets.ladder import LADDER
from command_line import ended, heed_ctrl_c

COMMANDS = {
    ("demo",),
    ("train",),
    ("bench",),
    ("evaluate",),
    ("explain",),
    ("export",),
    ("import",),
    ("scan",),
    ("serve",),
    ("data", "synth"),
    ("data", "crop"),
    ("data", "check"),
    ("data", "blend"),
    ("data", "fetch-detector"),
    ("tickets", "calibrate"),
    ("tickets", "card"),
    ("tickets", "find"),
    ("study", "report"),
    ("study", "run"),
    ("tickets", "matrix"),
    ("tickets", "robustness"),
    ("tickets", "show"),
    ("tickets", "transfer"),
}
SMALL = ["--detector", "meso4", "--size", "32", "--epochs", "1", "--batch-size", "16", "--sparsity", "0.5"]


def clew(*words, code=0):
    """Runs a command within this process; returns (stdout, stderr)."""
    found = ended(*words)
    assert found.code == code, found.errors
    return found.out, found.errors


def alone(*words, code=0):
    """Runs a command in a process of its own, as a user does; returns (stdout, stderr)."""
    done = subprocess.run([sys.executable, "-m", "clew.cli.main", *map(str, words)], capture_output=True, text=True)
    assert done.returncode == code, done.stderr
    return done.stdout, done.stderr


def all_commands(group, path=()):
    for name, command in getattr(group, "commands", {}).items():
        yield from all_commands(command, (*path, name)) if hasattr(command, "commands") else [(*path, name)]


def test_the_list_of_commands_is_whole():
    assert set(all_commands(typer.main.get_command(app))) == COMMANDS


@pytest.mark.parametrize("command", sorted(COMMANDS))
def test_help_has_an_example_and_json(command):
    done = CliRunner().invoke(app, [*command, "--help"], env={"COLUMNS": "200", "TERM": "dumb"})
    assert done.exit_code == 0
    assert f"clew {' '.join(command)}" in done.output
    assert "Example:" in done.output
    assert "--json" in done.output


def test_version_and_a_light_start():
    assert alone("--version")[0].startswith("clew 0.")
    code = "import sys, clew, clew.cli.main; print(sorted({'torch', 'pyarrow', 'scipy', 'sklearn'} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_the_main_job_by_commands(folder_root, tmp_path):
    store, ladder = tmp_path / "store", tmp_path / "ladder"
    cropped = json.loads(clew("data", "crop", folder_root, "--layout", "folder", "--out", store, "--json")[0])
    assert cropped["protocol"] == "as-given-v1, 32 px"
    assert cropped["dropped"] == []
    find = ["tickets", "find", store, *SMALL, "--seeds", "1", "--out", ladder]
    found = json.loads(alone(*find, "--json")[0])
    page = Path(found["page"]).read_text()
    assert found["headline"]["text"].split(".")[0] in page
    shown = json.loads(clew("tickets", "show", ladder, "--json")[0])
    assert shown == {key: found[key] for key in shown}
    again, note = clew(*find)
    assert found["headline"]["text"] in again
    assert "kept from when this ladder was begun" in note
    table = clew("tickets", "show", ladder)[0]
    assert re.search(r"imp +50\.0 % .*\[.*\].* undecided", table)
    ticket = ladder / "tickets" / "imp-s0-50.safetensors"
    header = json.loads(clew("tickets", "show", ticket, "--json")[0])
    assert header["search"]["method"] == "imp"
    assert "checksum right" in clew("tickets", "show", ticket)[0]


def test_train(store_path, tmp_path):
    args = ["--detector", "meso4", "--size", "32", "--epochs", "1", "--batch-size", "16", "--out", tmp_path / "run"]
    found = json.loads(clew("train", store_path, *args, "--json")[0])
    assert set(found["dense"]) >= {"auc", "accuracy", "eer", "ap"}
    for figures in found["dense"].values():
        assert figures["low"] <= figures["mean"] <= figures["high"]
    started = json.loads(
        clew("tickets", "find", store_path, *SMALL, "--method", "imp", "--seeds", "1", "--from", tmp_path / "run", "--out",
             tmp_path / "ladder", "--json")[0]
    )  # fmt: skip
    assert started["levels"][0]["method"] == "imp"


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (["data", "crop", "{tmp}/none", "--layout", "folder", "--out", "{tmp}/o"], r"none is not a folder"),
        (["data", "crop", "{tmp}", "--layout", "celebs", "--out", "{tmp}/o"], r"unknown layout 'celebs'.*Known: celeb-df"),
        (["data", "crop", "{root}", "--layout", "openforensics-crops", "--out", "{tmp}/o"], r"It looks like --layout folder"),
        (["data", "crop", "{root}", "--layout", "folder", "--faces", "eyes", "--out", "{tmp}/o"], r"unknown face detector"),
        (["data", "crop", "{root}", "--layout", "folder", "--size", "3", "--out", "{tmp}/o"], r"--size 3"),
        (["data", "synth", "{tmp}/o", "--layout", "celebs"], r"unknown layout 'celebs'"),
        (["tickets", "show", "{tmp}/none"], r"none is not a ladder"),
        (["tickets", "show", "{root}/groups.csv"], r"groups\.csv is not a whole ticket"),
        (["tickets", "find", "{tmp}", "--detector", "cnn5", "--out", "{tmp}/o"], r"is not a finished crop store"),
        (["tickets", "find", "{store}", "--detector", "cnn6", "--out", "{tmp}/o"], r"unknown detector 'cnn6'.*cnn5, meso4"),
        (["tickets", "find", "{store}", "--detector", "cnn5", "--size", "31", "--out", "{tmp}/o"], r"at least 32"),
        (["tickets", "find", "{store}", "--detector", "cnn5", "--method", "imp,luck", "--out", "{tmp}/o"], r"unknown method"),
        (["tickets", "find", "{store}", "--detector", "cnn5", "--rewind", "later", "--out", "{tmp}/o"], r"unknown rewind"),
        (["tickets", "find", "{store}", "--detector", "cnn5", "--sparsity", "a,b", "--out", "{tmp}/o"], r"--sparsity a,b"),
        (["tickets", "find", "{store}", "--detector", "cnn5", "--sparsity", ".5", "--rounds", "3", "--out", "{tmp}/o"],
         r"exclude each other"),
        (["tickets", "find", "{store}", "--detector", "cnn5", "--from", "{tmp}/w.pth", "--out", "{tmp}/o"], r"holds no weights"),
        (["tickets", "find", "{store}", "--detector", "cnn5", "--precision", "fp8", "--out", "{tmp}/o"], r"unknown precision"),
    ],
)  # fmt: skip
def test_bad_input_is_one_clear_error_before_any_work(words, why, tmp_path, folder_root, store_path):
    places = {"tmp": str(tmp_path), "root": str(folder_root), "store": str(store_path)}
    out, errors = clew(*(word.format(**places) for word in words), code=1)
    assert out == ""
    assert errors.startswith("error: ")
    assert len(errors.strip().splitlines()) == 1
    assert re.search(why, errors), errors
    assert not (tmp_path / "o").exists()


def test_one_class_only_is_found_before_training(folder_root, fresh_copy, tmp_path):
    root = fresh_copy(folder_root)
    for path in (root / "test/fake").iterdir():
        path.unlink()
    (root / "test/fake/readme.txt").write_text("none here")
    clew("data", "crop", root, "--layout", "folder", "--out", tmp_path / "store")
    _, errors = clew("tickets", "find", tmp_path / "store", *SMALL, "--out", tmp_path / "o", code=1)
    assert "the split 'test' holds reals only; both classes are needed" in errors
    assert not (tmp_path / "o").exists()


def test_a_ladder_of_another_detector_is_left_alone(store_path, tmp_path):
    out = tmp_path / "ladder"
    clew("tickets", "find", store_path, *SMALL, "--seeds", "1", "--method", "imp", "--out", out)
    before = (out / LADDER).read_bytes()
    words = [word if word != "meso4" else "cnn5" for word in SMALL]
    _, errors = clew("tickets", "find", store_path, *words, "--seeds", "1", "--method", "imp", "--out", out, code=1)
    assert "is the ladder of another search: its detector is name meso4, asked for is name cnn5" in errors
    assert (out / LADDER).read_bytes() == before


def test_wrong_usage_is_exit_code_2():
    assert "No such option" in alone("tickets", "show", "--frobnicate", code=2)[1]


def test_ctrl_c_says_that_nothing_is_lost(store_path, tmp_path):
    words = ["tickets", "find", store_path, *SMALL, "--epochs", "5000", "--patience", "5000", "--out", tmp_path / "o"]
    search = subprocess.Popen(
        [sys.executable, "-m", "clew.cli.main", *map(str, words)],
        stderr=subprocess.PIPE,
        start_new_session=True,
        preexec_fn=heed_ctrl_c,
    )
    try:
        deadline = time.monotonic() + 300
        while not (tmp_path / "o" / "rewind").exists() and time.monotonic() < deadline:
            time.sleep(0.1)
        os.killpg(search.pid, signal.SIGINT)
        errors = search.communicate(timeout=300)[1].decode()
    finally:
        with suppress(ProcessLookupError):
            os.killpg(search.pid, signal.SIGKILL)
    assert search.returncode == 130
    assert "interrupted: nothing finished is lost" in errors


README = Path(__file__).resolve().parents[2] / "README.md"


def readme_commands():
    """The `clew …` lines of the README's code blocks."""
    blocks = re.findall(r"```sh\n(.*?)```", README.read_text(), re.DOTALL)
    lines = [line.split("#")[0].strip() for block in blocks for line in block.replace("\\\n", " ").splitlines()]
    return [line.split()[1:] for line in lines if line.startswith("clew ")]


def test_the_readmes_commands_parse():
    assert len(readme_commands()) >= 4
    for words in readme_commands():
        command = typer.main.get_command(app)
        path = []
        while hasattr(command, "commands"):
            command = command.commands[words[len(path)]]
            path.append(command.name)
        command.make_context("clew", words[len(path) :])
