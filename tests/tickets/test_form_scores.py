"""The AUC of forms beside fp32's: numbers by hand, paired intervals, training pictures for int8, never the scored."""

import json

import numpy as np
import pytest

from bench_tickets import SIZE, small_ticket
from clew.base.errors import ClewError
from clew.cli.bench_lines import score_lines
from clew.runtime.cache import Cache
from clew.runtime.checking import PICTURES
from clew.runtime.forms import Form, Unavailable, forms
from clew.runtime.load import known_forms
from clew.runtime.opened import opened
from clew.tickets import form_scores as scoring
from clew.tickets.benching import reference_of
from clew.tickets.form_scores import RANGED, form_scores, scored_on
from clew.training.metrics import auc
from command_line import clew, refused, told


@pytest.fixture(scope="module")
def ticket(tmp_path_factory):
    return small_ticket(tmp_path_factory.mktemp("scores") / "t.safetensors", 0.75)


@pytest.fixture(autouse=True)
def _cache(tmp_path, monkeypatch):
    monkeypatch.setenv("CLEW_CACHE", str(tmp_path / "cache"))


def as_forms(monkeypatch, **made):
    """Forms of these logits, less precise ones."""
    known_forms()
    items = {
        name: Form(lambda *_, run=run: run, "", exact=False, precision="int8", ranged=True)
        for name, run in made.items()
    }
    monkeypatch.setattr(forms, "_items", items)


def scored(monkeypatch, ticket, store_path, **changes):
    """What forms that change the reference's logits come to."""
    right = reference_of(opened(ticket))[1]
    as_forms(monkeypatch, **{name: lambda x, change=change: change(right(x)) for name, change in changes.items()})
    on = scored_on(store_path)
    return on, form_scores(on.prepared(opened(ticket)), list(changes), on, 1, None)


def test_auc_and_difference_by_hand(ticket, store_path, monkeypatch):
    on, found = scored(monkeypatch, ticket, store_path, same=lambda z: z, turned=lambda z: -z, flat=lambda z: 0 * z)
    images = on.samples.crops(np.arange(len(on.samples)), SIZE).transpose(0, 3, 1, 2) / np.float32(255)
    logits = reference_of(opened(ticket))[1](np.ascontiguousarray(images, np.float32))
    wanted = auc(on.samples.labels, logits[:, 1] - logits[:, 0])
    rows = {row["form"]: row for row in found["forms"]}
    assert found["auc"]["mean"] == rows["same"]["auc"]["mean"] == pytest.approx(wanted)
    assert rows["same"]["difference"] == {"mean": 0, "low": 0, "high": 0, "n": 1}, "the same draws for both"
    assert rows["turned"]["auc"]["mean"] == pytest.approx(1 - wanted)
    assert rows["turned"]["difference"]["mean"] == pytest.approx(1 - 2 * wanted)
    assert rows["flat"]["auc"] == {"mean": 0.5, "low": 0.5, "high": 0.5, "n": 1}
    decided = logits[:, 1] != logits[:, 0]
    assert rows["turned"]["other_verdicts"] == np.count_nonzero(decided)
    assert (found["pictures"], found["reals"]) == (len(on.samples), int((on.samples.labels == 0).sum()))
    assert (found["split"], found["hash"], found["reference"]) == ("val", on.store.hash, "PyTorch, fp32")
    assert json.loads(json.dumps(found)) == found


def test_a_difference_is_known_better_than_an_auc(ticket, store_path, monkeypatch):
    noise = np.random.default_rng(0)
    _, found = scored(monkeypatch, ticket, store_path, near=lambda z: z + noise.normal(0, 0.02 * z.std(0), z.shape))
    (row,) = found["forms"]
    wide, narrow = (row[key]["high"] - row[key]["low"] for key in ("auc", "difference"))
    assert narrow < wide / 2


def test_ranges_come_from_training_pictures_alone(ticket, store_path):
    on = scored_on(store_path, "test")
    source = on.prepared(opened(ticket))
    count = min(RANGED, len(on.training))
    assert source.representative.shape == (count, 3, SIZE, SIZE)
    names = [set(part.rows["sample"].to_pylist()) for part in (on.training, on.samples)]
    assert not names[0] & names[1]
    first = on.training.crops(np.arange(1), SIZE)[0].transpose(2, 0, 1) / np.float32(255)
    assert np.array_equal(source.representative[0], first)
    assert opened(ticket).representative is None


def test_what_was_measured_is_kept(ticket, store_path, tmp_path, monkeypatch):
    on, cache = scored_on(store_path), Cache(tmp_path / "kept")
    first = form_scores(opened(ticket), ["sparse"], on, 1, cache)
    monkeypatch.setattr(scoring, "_measured", lambda *given: pytest.fail("it is kept"))
    assert form_scores(opened(ticket), ["sparse"], on, 1, cache) == first
    for names, part in ((["onnx"], "val"), (["sparse"], "test")):
        with pytest.raises(pytest.fail.Exception):
            form_scores(opened(ticket), names, scored_on(store_path, part), 1, cache)
    with pytest.raises(pytest.fail.Exception):
        form_scores(on.prepared(opened(ticket)), ["sparse"], on, 1, cache)


def test_forms_that_cannot_be_judged(ticket, store_path, monkeypatch):
    def refuse(*given):
        raise Unavailable("it needs luck")

    right = reference_of(opened(ticket))[1]
    as_forms(monkeypatch, late=lambda x: right(x) * (np.nan if len(x) != PICTURES else 1), good=right)
    on = scored_on(store_path)
    with pytest.raises(ClewError, match="form 'late' gives logits that are NaN"):
        form_scores(opened(ticket), ["late"], on, 1, None)
    monkeypatch.setitem(forms._items, "absent", Form(refuse, ""))
    found = form_scores(opened(ticket), ["absent", "good"], on, 1, None)
    assert found["unavailable"] == [{"form": "absent", "reason": "it needs luck"}]


def test_the_command_shows_it_beside_the_speed(ticket, store_path):
    words = ["bench", ticket, "--forms", "sparse,onnx-int8", "--rounds", "1", "--no-fresh", "--store", store_path]
    found = told(*words)
    assert found["scores"]["split"] == "val"
    assert {row["form"] for row in found["scores"]["forms"]} == {"sparse", "onnx-int8"}
    lines = score_lines(found["scores"], found["cells"][0])
    assert f"int8 takes its ranges from {found['scores']['ranged']} of its training pictures" in lines[0]
    speed = {row["form"]: f"{row['median_ms']:.3f}" for row in found["cells"][0]["rows"]}
    assert [line.split()[:3] for line in lines[2:]] == [
        [row["form"], row["precision"], speed[row["form"]]]
        for row in sorted(found["scores"]["forms"], key=lambda row: float(speed[row["form"]]))
    ]
    assert lines[0] in clew(*words)


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (["--store", "{s}", "--split", "all"], "unknown split 'all'. Known: train, val, test."),
        (["--store", "{t}"], "t.safetensors"),
    ],
)
def test_bad_stores_are_refused_before_any_work(ticket, store_path, monkeypatch, words, why):
    monkeypatch.setattr("clew.tickets.benching.measure", lambda *given: pytest.fail("it should have been refused"))
    assert why in refused("bench", ticket, *(word.format(s=store_path, t=ticket) for word in words))
