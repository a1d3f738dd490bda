"""Study files: what they may say, and one clear error for all else."""

import re
from dataclasses import replace
from pathlib import Path

import pytest

from clew.base.errors import ClewError
from clew.studies.cells import cells, pairs
from clew.studies.reading import read_study
from clew.studies.run import count_trainings
from clew.studies.study import Transfer
from clew.training.choices import Choices
from method_stores import write_store

WHOLE = """
name: Whole
about: Everything that a study can say.
datasets:
  a: stores/a
  b: {stores: [stores/b1, /data/b2], fakes: [Deepfakes]}
detectors:
  cnn5: {size: 64, training: {epochs: 6, lr: 3e-3}, options: {dropout: 0.1}}
  given: {detector: resnet18, from: weights.safetensors}
  meso4:
methods: [imp, random]
scopes: [global, local]
rewinds: [init, "step:100"]
scores: [magnitude]
rounds: 2
fraction: 0.5
seeds: 5
margin: 0.01
training: {batch_size: 64, blend: false}
threads: 2
precision: fp32
transfers:
  - {from: [a, b], to: [a, b], sparsity: [0.75], weights: rewound}
"""
METHODS = ("real", "Deepfakes", "Face2Face", "FaceSwap", "NeuralTextures")
LEAST = "name: x\ndatasets: {a: a}\ndetectors: {cnn5: }\n"


def read(tmp_path, text):
    path = tmp_path / "study.yaml"
    path.write_text(text)
    return read_study(path)


def test_everything_that_a_study_can_say(tmp_path):
    study = read(tmp_path, WHOLE)
    assert [one.name for one in study.datasets] == ["a", "b"]
    assert study.datasets[1].stores == (tmp_path / "stores/b1", Path("/data/b2"))
    assert study.datasets[1].fakes == ("Deepfakes",)
    cnn5, given, meso4 = study.detectors
    assert (cnn5.detector, cnn5.size, cnn5.training) == ("cnn5", 64, {"epochs": 6, "lr": 3e-3})
    assert cnn5.options == {"dropout": 0.1}
    assert (given.detector, given.start, meso4.size) == ("resnet18", tmp_path / "weights.safetensors", None)
    assert study.levels == (0.5, 0.75)
    assert (study.rewinds, study.seeds, study.margin) == (("init", "step:100"), 5, 0.01)
    assert (study.wishes.threads, study.wishes.precision, study.wishes.memory_format) == (2, "fp32", "auto")
    assert study.transfers == (
        Transfer("a", "b", (0.75,), ("rewound",)),
        Transfer("b", "a", (0.75,), ("rewound",)),
    )


def test_what_is_left_out_has_its_usual_value(tmp_path):
    study = read(tmp_path, LEAST)
    assert (study.methods, study.scopes, study.rewinds) == (("imp", "one-shot", "random"), ("global",), ("init",))
    assert (study.seeds, study.levels, study.wishes.threads) == (3, (0.2, 0.4, 0.6, 0.8), 1)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "expected keys and values"),
        ("- a\n- b\n", "expected keys and values"),
        ("name: [", "is not YAML"),
        ("name: x\n\x00", "is not YAML"),
        ("[" * 5000, "is not YAML"),
        ("name: x\ndatasets: {a: a}\n", "'detectors' is missing"),
        (LEAST + "method: [imp]\n", "line 4: method: unknown key 'method'. Did you mean 'methods'?"),
        (LEAST + "seeds: 3\nseeds: 4\n", "line 5: the key 'seeds' is there twice"),
        ("x: &a [1]\nname: *a\n", "line 2: refers to another part by an alias"),
        ("name: !!python/object/apply:os.system ['touch pwned']\n", "is not YAML"),
        (LEAST + "seeds: three\n", "seeds: expected a whole number; found 'three'"),
        (LEAST + "seeds: true\n", "seeds: expected a whole number"),
        (LEAST + "seeds: 0\n", "seeds: 0; expected 1 to 1000"),
        (LEAST + "scopes: [layer]\n", "line 4: scopes: unknown scope 'layer'. Known: global, local."),
        (LEAST + "scopes: [global, global]\n", "global is there twice"),
        (LEAST + "scopes: []\n", "scopes: expected at least one"),
        (LEAST + "methods: [lucky]\n", "line 4: methods: unknown method 'lucky'. Known: early-bird, gradual,"),
        (LEAST + "methods: [moved-imp]\n", "comes with 'transfers'"),
        (LEAST + "sparsity: [0.5]\nrounds: 3\n", "exclude each other"),
        (LEAST + "sparsity: 0.5\n", "sparsity: expected a list, such as"),
        (LEAST + "training: {rate: 1}\n", "line 4: training: rate: unknown key 'rate'. Known: accumulate,"),
        (LEAST + "training: {epochs: many}\n", "training: epochs: expected a whole number"),
        (LEAST + "training: {lr: -1}\n", "line 4: training: lr: --lr -1.0: expected"),
        (
            "name: x\ndatasets: {a: a}\ndetectors:\n  cnn5:\n    training: {epochs: 0}\n",
            "line 5: detectors: cnn5: training",
        ),
        (
            "name: x\ndatasets: {a: a}\ndetectors:\n  cnn5:\n    sice: 64\n",
            "line 5: detectors: cnn5: sice: unknown key",
        ),
        (LEAST + "precision: fp8\n", "line 4: precision: unknown precision 'fp8'"),
        (LEAST + "methods: [random]\n", "a control needs a method"),
        (LEAST + "transfers: [{from: a, to: c}]\n", "line 4: transfers: unknown dataset 'c'. Known: a."),
        (LEAST + "transfers: [{from: a, to: a}]\n", "from a to itself"),
        (LEAST + "transfers: {from: a}\n", "transfers: expected a list"),
        ("name: x\ndatasets: {../a: a}\ndetectors: {cnn5: }\n", "expected the name of a dataset: letters"),
        ("name: x\ndatasets: {a: {fakes: [x]}}\ndetectors: {cnn5: }\n", "datasets: a: 'stores' is missing"),
        ("name: x\ndatasets: {a: 7}\ndetectors: {cnn5: }\n", "datasets: a: expected names with values; found 7"),
        ("name: x\ndatasets: {a: a}\ndetectors: {n: {detector: my.net:make}}\n", "a study imports no code"),
        ("name: x\ndatasets: {a: a}\ndetectors: {n: {detector: evil:make}}\n", "a study imports no code (evil:make)"),
        (
            "name: x\ndatasets: {a: a}\ndetectors: {n: {detector: mi_net, options: {backbone: evil:make}}}\n",
            "a study imports no code (evil:make)",
        ),
        (LEAST + "seeds: !!int ''\n", "is not YAML"),
        (LEAST + "seeds: !!timestamp foo\n", "is not YAML"),
        (LEAST + "seeds: !!bool foo\n", "is not YAML"),
        (LEAST + "methods: [early-bird, random]\nrewinds: [init, none]\n", "line 5: rewinds: with none weights go on"),
        (LEAST + 'rewinds: ["step:5", "step:05"]\n', "line 4: rewinds: step:5 is there twice"),
        ("name: x\ndatasets: {}\ndetectors: {cnn5: }\n", "line 2: datasets: expected at least one"),
        ("name: x\ndatasets: {2: a}\ndetectors: {cnn5: }\n", "datasets: expected names with values"),
    ],
)
def test_a_wrong_file_is_one_clear_error_that_names_it(tmp_path, monkeypatch, text, why):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ClewError, match=re.escape(why)) as caught:
        read(tmp_path, text)
    assert str(tmp_path / "study.yaml") in str(caught.value)
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "pwned").exists()


def test_files_that_are_none(tmp_path):
    with pytest.raises(ClewError, match=r"gone\.yaml does not exist"):
        read_study(tmp_path / "gone.yaml")
    with pytest.raises(ClewError, match="cannot be read"):
        read_study(tmp_path)
    (tmp_path / "large.yaml").write_bytes(b"#" * 2_000_000)
    with pytest.raises(ClewError, match="has 2000000 bytes"):
        read_study(tmp_path / "large.yaml")
    (tmp_path / "picture.yaml").write_bytes(b"\xff\xd8\xff\xe0")
    with pytest.raises(ClewError, match="cannot be read"):
        read_study(tmp_path / "picture.yaml")


@pytest.mark.parametrize(
    "path", sorted(Path(__file__).parents[2].glob("examples/studies/*.yaml")), ids=lambda p: p.stem
)
def test_every_study_that_comes_along_is_valid_but_for_its_data(path, tmp_path):
    """Its detectors, training and levels are settled as they would be, on a store of drawn pictures."""
    study = read_study(path)
    stores: dict = {}
    for dataset in study.datasets:
        for seed, asked in enumerate(dataset.stores, start=len(stores)):
            if asked not in stores:
                more = {"videos": {"train": 60, "val": 2, "test": 2}, "frames": 1, "methods": METHODS, "seed": seed}
                stores[asked] = write_store(tmp_path / asked.name, **more).path
    datasets = tuple(replace(one, stores=tuple(stores[path] for path in one.stores)) for one in study.datasets)
    found = cells(replace(study, datasets=datasets), tmp_path, {one.name: Choices() for one in study.detectors})
    assert len(found) == len(study.datasets) * len(study.detectors) * len(study.scopes) * len(study.rewinds)
    assert count_trainings(found) >= 20
    assert all(len(list(pairs(study, found))) for _ in study.transfers)
