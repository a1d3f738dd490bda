"""clew study: from a YAML file to a report, in this process."""

import json

import pytest

from clew.studies import run as run_module
from command_line import ended, refused
from method_stores import Inline, write_store

STUDY = """
name: Small <study>
datasets: {here: here, there: there}
detectors:
  meso4: {size: 32}
methods: [imp, one-shot, random]
scopes: [global, local]
sparsity: [0.8]
seeds: 2
precision: fp32
memory_format: contiguous
training: {epochs: 2, batch_size: 16, lr: 3e-3, augment: none}
transfers: [{from: here, to: there, weights: [rewound]}]
"""


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    root = tmp_path_factory.mktemp("study-command")
    for seed, name in enumerate(("here", "there")):
        write_store(root / name, seed=seed)
    (root / "study.yaml").write_text(STUDY)
    return root


@pytest.fixture
def inline(monkeypatch):
    monkeypatch.setattr(run_module, "local_executor", lambda choices: Inline())


def test_a_study_from_its_file_to_its_report(place, inline):
    planned = ended("study", "run", place / "study.yaml", "--out", place / "out", "--plan", "--json")
    assert json.loads(planned.out)["trainings"] == 2 * (2 * 1 + 2 * 2 * 2)
    assert not (place / "out").exists()
    done = ended("study", "run", place / "study.yaml", "--out", place / "out", "--json")
    told = json.loads(done.out)
    assert told["complete"] is True
    assert [cell["name"] for cell in told["cells"]] == [
        f"{dataset}/meso4-{scope}-init" for dataset in ("here", "there") for scope in ("global", "local")
    ]
    assert [cell["from"] for cell in told["transfers"]] == ["here", "here"]
    assert {row["method"] for row in told["transfers"][0]["summary"]["levels"]} >= {"imp", "moved-imp", "zero-shot"}
    assert [one["differ"] for one in told["comparisons"]] == [["scope"], ["scope"]]
    assert str(place) not in (place / "out" / "results.json").read_text(), "results name no path of this machine"
    page = (place / "out" / "report.html").read_text()
    assert "Small &lt;study&gt;" in page
    assert "<script" not in page
    assert page.count("<svg") == 4
    again = ended("study", "report", place / "study.yaml", "--out", place / "out")
    assert "results.json" in again.out
    assert (place / "out" / "report.html").read_text() == page


def test_an_unfinished_study_says_so(place, inline, tmp_path):
    text = STUDY.replace("transfers: [", "transfers: [] # [")
    (place / "more.yaml").write_text(text.replace("scopes: [global, local]", "scopes: [global]"))
    ended("study", "run", place / "more.yaml", "--out", tmp_path / "out", "--json")
    (place / "wider.yaml").write_text(text)
    told = json.loads(ended("study", "report", place / "wider.yaml", "--out", tmp_path / "out", "--json").out)
    assert told["complete"] is False
    assert told["missing"] == ["here/meso4-local-init", "there/meso4-local-init"]
    page = (tmp_path / "out" / "report.html").read_text()
    assert "Not finished: 2 of 4 searches are missing" in page


def test_wrong_input_is_one_line(place, tmp_path):
    assert "does not exist" in refused("study", "run", tmp_path / "none.yaml", "--out", tmp_path / "out")
    assert "holds no study" in refused("study", "report", place / "study.yaml", "--out", tmp_path / "out")
    wrong = refused("study", "run", place / "study.yaml", "--out", tmp_path / "out", "--engine", "slurm")
    assert "unknown --engine 'slurm'. Known: local, ray." in wrong
    lone = refused("study", "run", place / "study.yaml", "--out", tmp_path / "out", "--address", "127.0.0.1:1")
    assert "--engine ray" in lone
