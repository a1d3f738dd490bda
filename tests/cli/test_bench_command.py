"""`clew bench` on a ticket, as a user meets it."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

import pytest

from bench_tickets import small_ticket
from clew.cli.bench_lines import ratio
from command_line import clew, ended, refused, told

QUICK = ["--forms", "sparse,onnx", "--rounds", "5", "--no-fresh"]


@pytest.fixture(scope="module")
def ticket(tmp_path_factory):
    return small_ticket(tmp_path_factory.mktemp("bench") / "t.safetensors", 0.75)


@pytest.fixture(autouse=True)
def _cache(tmp_path, monkeypatch):
    monkeypatch.setenv("CLEW_CACHE", str(tmp_path / "cache"))


def test_json_table_and_picture_agree(ticket, tmp_path):
    out = tmp_path / "out"
    found = told("bench", ticket, *QUICK, "--batch", "1,2", "--out", out)
    written = found.pop("written")
    assert written == [str(out / "bench.json"), str(out / "bench.svg")]
    assert json.loads((out / "bench.json").read_text()) == found
    root = ElementTree.fromstring((out / "bench.svg").read_text())
    texts = ["".join(one.itertext()) for one in root.iter() if one.tag.endswith("}text")]
    label = root.find(".[@aria-label]").attrib["aria-label"]
    for one in found["cells"]:
        assert sum(text.startswith(f"{one['batch']}\N{NO-BREAK SPACE}picture") for text in texts) == 1
        for row in one["rows"]:
            assert f"{row['form']} (fp32)" in texts
            assert f"median {row['median_ms']:.3f} ms, quartiles {row['q1_ms']:.3f} and {row['q3_ms']:.3f}" in label


def test_the_table_tells_what_the_json_tells(ticket, monkeypatch):
    kept = {}

    def once(*words, **more):
        if not kept:
            kept.update(bench(*words, **more))
        return dict(kept)

    from clew.tickets import benching

    bench = benching.bench_ticket
    monkeypatch.setattr(benching, "bench_ticket", once)
    found, lines = told("bench", ticket, *QUICK), clew("bench", ticket, *QUICK).splitlines()
    assert lines[0].startswith(f"t.safetensors: meso4 at 32 px, {ticket.stat().st_size / 1024:.1f} KiB; 7")
    assert "37.5 % of the multiply-adds fall away" in lines[0]
    assert found["machine"]["cpu"] in lines[1]
    (cell,) = found["cells"]
    for row in cell["rows"]:
        (line,) = [line for line in lines if re.match(rf"{row['form']} +{row['median_ms']:.3f} ", line)]
        assert f"{row['q1_ms']:.3f} to {row['q3_ms']:.3f}" in line
        assert f"{row['p95_ms']:.3f}" in line
        assert ratio(row["times_dense_fp32"]) in line
    assert cell["text"] in lines
    assert any(re.match(r"sparse +fp32 +\S+ +- +- +-  our own engine", line) for line in lines), (
        "nothing was loaded anew"
    )
    assert not any(line.startswith("not run") for line in lines)


WITHOUT = """
import sys
class Blocked:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in ("torch", "pyarrow", "scipy", "jinja2", "onnx", "openvino"):
            raise ModuleNotFoundError(name, name=name)
sys.meta_path.insert(0, Blocked())
from clew.cli.main import run
run()
"""


def test_the_light_install_measures_too(ticket):
    words = ["bench", str(ticket), "--forms", "sparse", "--rounds", "2", "--no-fresh", "--json"]
    done = subprocess.run([sys.executable, "-c", WITHOUT, *words], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert found["reference"] == "numpy, fp64"
    assert found["forms"][0]["largest_logit_error"] < 1e-5


def test_a_form_that_cannot_run_is_listed_with_its_reason(ticket, monkeypatch):
    monkeypatch.setattr("clew.runtime.running.sparse.possible", lambda: ["sse"])
    lines = clew("bench", ticket, "--forms", "onnx,sparse-fp16", "--rounds", "1", "--no-fresh")
    assert "not run: sparse-fp16: this processor does not compute in fp16 (AVX512-FP16)" in lines


def test_a_busy_machine_is_told(ticket, monkeypatch):
    for load, warned in ((0.1, False), (1e3, True)):
        monkeypatch.setattr("clew.runtime.bench.load_average", lambda load=load: load)
        assert ("warning: the machine was busy (load 1000.0" in clew("bench", ticket, *QUICK)) is warned


def test_one_file_by_its_ending(ticket, tmp_path):
    for name in ("a.json", "a.svg"):
        clew("bench", ticket, "--forms", "onnx", "--rounds", "1", "--no-fresh", "--out", tmp_path / name)
    assert json.loads((tmp_path / "a.json").read_text())["format"] == 1
    assert (tmp_path / "a.svg").read_text().startswith("<svg")


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (["{t}", "--forms", "spares"], "unknown form 'spares'"),
        (["{t}", "--batch", "two"], "--batch two: expected whole numbers, such as 1,2"),
        (["{t}", "--batch", "0"], "--batch 0: expected numbers from 1"),
        (["{t}", "--threads", "999"], "--threads 999: expected numbers from 1 to"),
        (["{t}", "--out", "{d}/a.html"], "expected a file that ends in .json or .svg, or a folder"),
        (["{d}/none.safetensors"], "none.safetensors does not exist"),
        (["{d}"], "is not a ladder"),
    ],
)
def test_bad_input_is_one_clear_error_before_any_work(ticket, tmp_path, monkeypatch, words, why):
    def worked(*words, **more):
        raise AssertionError("it should have been refused before")

    monkeypatch.setattr("clew.tickets.benching.measure", worked)
    line = refused("bench", *(word.format(t=ticket, d=tmp_path) for word in words))
    assert why in line, line


def test_a_file_that_is_no_ticket(tmp_path):
    (tmp_path / "t.safetensors").write_bytes(b"no ticket")
    assert "is not a whole ticket" in refused("bench", tmp_path / "t.safetensors")
    assert ended("bench", tmp_path / "t.safetensors", "--rounds", "0").code == 2


def test_the_guide_tells_of_every_form():
    from clew.runtime.load import known_forms

    page = (Path(__file__).resolve().parents[2] / "docs" / "bench.md").read_text()
    assert [name for name in known_forms() if f"| `{name}` |" not in page] == []
