"""The laws of a search, on small nets and pictures of noise."""

import json
import shutil
from dataclasses import replace

import numpy as np
import pyarrow.parquet as pq
import pytest
from sklearn.metrics import accuracy_score, roc_auc_score

from clew.base.errors import ClewError
from clew.base.executors import LocalExecutor
from clew.datasets.cropping import crop_dataset
from clew.datasets.store import open_store
from clew.detectors.base import Config
from clew.tickets.find import find_tickets
from clew.tickets.ladder import SCHEMA, open_ladder
from clew.tickets.masks import is_nested, layer_counts, prune
from clew.tickets.search import check, search
from clew.tickets.settings import SearchSettings
from clew.tickets.ticket import Ticket, load_ticket
from clew.training.settings import TrainSettings
from clew.training.weights import load_state
from method_stores import Inline

CONFIG = Config("meso4", 32)
TRAINING = TrainSettings(epochs=2, batch_size=16, lr=3e-3)
SETTINGS = SearchSettings(CONFIG, levels=(0.5, 0.8), seeds=(0, 1), training=TRAINING)
ONE = Inline()


def run(store_path, out, executor=ONE, **changes):
    return search([store_path], replace(SETTINGS, **changes), out, executor=executor)


@pytest.fixture(scope="module")
def ladder(store_path, tmp_path_factory):
    return run(store_path, tmp_path_factory.mktemp("ladders") / "init")


@pytest.fixture(scope="module")
def step_ladder(store_path, tmp_path_factory):
    return run(store_path, tmp_path_factory.mktemp("ladders") / "step", rewind="step:3", seeds=(0,))


@pytest.fixture(scope="module")
def none_ladder(store_path, tmp_path_factory):
    return run(store_path, tmp_path_factory.mktemp("ladders") / "none", rewind="none", seeds=(0,))


def test_the_folder_holds_what_it_should_and_nothing_is_left_over(ladder):
    names = sorted(p.name for p in ladder.path.iterdir())
    assert names == [".lock", "ladder.json", "rewind", "run.json", "scores.parquet", "tickets"]
    assert len(list((ladder.path / "tickets").iterdir())) == 14
    assert ladder.scores.schema.equals(SCHEMA)
    assert ladder.scores.num_rows == 2 * 9 * (24 + 48)


def test_masks_nest_and_sparsity_is_exact(ladder):
    for seed in (0, 1):
        dense, half, most = (ladder.ticket(m, s, seed) for m, s in (("dense", 0.0), ("imp", 0.5), ("imp", 0.8)))
        assert is_nested(most.mask, half.mask)
        assert is_nested(half.mask, dense.mask)
        total = sum(m.size for m in dense.mask.values())
        assert dense.sparsity == 0
        for ticket, target in ((half, 0.5), (most, 0.8)):
            assert abs(ticket.sparsity * total - target * total) <= 1
            assert all((ticket.content.values[n][~m] == 0).all() for n, m in ticket.mask.items())


def test_one_shot_is_imp_at_the_first_level_and_not_at_the_second(ladder):
    first = [e for e in ladder.facts["entries"] if e["level"] == 0.5 and e["method"] in ("imp", "one-shot")]
    assert len({(e["run"], e["ticket"]) for e in first if e["seed"] == 0}) == 1
    imp, one_shot = (ladder.ticket(m, 0.8, 0) for m in ("imp", "one-shot"))
    assert any((imp.mask[n] != one_shot.mask[n]).any() for n in imp.mask)
    dense = ladder.ticket("dense", 0.0, 0).content
    by_hand = prune(dense.values, dense.mask, 0.8, "global")
    assert all((by_hand[n] == one_shot.mask[n]).all() for n in by_hand)


def test_a_control_has_the_layer_densities_of_its_ticket(ladder):
    ticket = ladder.ticket("imp", 0.8, 0)
    control = load_ticket(ladder.path / "tickets/random-of-imp-s0-80.safetensors")
    assert layer_counts(control.mask) == layer_counts(ticket.mask)
    assert any((control.mask[n] != ticket.mask[n]).any() for n in control.mask)


def survivors_before_training(monkeypatch, ladder, run_id, store_path):
    """The state that a run of a ladder starts its training from."""
    from clew.tickets import one_run

    seen = {}

    def catch(config, settings, choices, start, *rest, **more):
        from clew.training.loop import _Loop, state_of

        loop = _Loop(config, settings, choices, start, *rest, more["fabric"])
        seen.update(state_of(loop.module), optimiser=loop.optimiser.optimiser.state_dict()["state"], step=loop.step)
        raise ClewError("caught")

    monkeypatch.setattr(one_run, "train", catch)
    settings = SearchSettings.from_dict(ladder.settings)
    from clew.tickets.plan import plan

    run = next(r for r in plan(settings)[0] if r.id == run_id)
    place = one_run.Place(ladder.path, (store_path,))
    with pytest.raises(ClewError, match="caught"):
        one_run.do_run(place, settings, run, [], lambda steps, note: None)
    return seen


@pytest.mark.parametrize("run_id", ["imp-s0-50", "imp-s0-80", "one-shot-s0-80", "random-of-imp-s0-80"])
@pytest.mark.parametrize("which", ["ladder", "step_ladder"])
def test_rewound_survivors_are_bit_equal_to_the_rewind_point_buffers_too(
    request, monkeypatch, store_path, which, run_id
):
    ladder = request.getfixturevalue(which)
    point, _ = load_state(ladder.path / "rewind" / "seed-0.safetensors")
    mask = load_ticket(ladder.path / f"tickets/{run_id}.safetensors").mask
    seen = survivors_before_training(monkeypatch, ladder, run_id, store_path)
    assert seen.pop("optimiser") == {}, "a fresh optimiser"
    assert seen.pop("step") == (3 if which == "step_ladder" else 0)
    assert seen.keys() == point.keys()
    for name, tensor in seen.items():
        stored, now = point[name].numpy(), tensor.numpy()
        alive = mask.get(name, np.ones(now.shape, bool))
        assert now[alive].tobytes() == stored[alive].tobytes(), name
        assert (now[~alive] == 0).all()
    assert any("running_mean" in name for name in seen)


def test_the_rewind_point_of_init_is_the_initialisation_and_of_step_k_is_not(ladder, step_ladder):
    from clew.base.hashing import stable_seed
    from clew.detectors.build import initial_state

    first = initial_state(CONFIG, stable_seed("init", 0))
    init, _ = load_state(ladder.path / "rewind" / "seed-0.safetensors")
    step, _ = load_state(step_ladder.path / "rewind" / "seed-0.safetensors")
    assert all(np.array_equal(init[n], first[n]) for n in first)
    assert int(step["blocks.0.2.num_batches_tracked"]) == 3
    assert not np.array_equal(step["hidden.weight"], first["hidden.weight"])


def test_without_rewinding_the_weights_go_on_and_the_reference_trains_as_long(none_ladder, monkeypatch, store_path):
    seen = survivors_before_training(monkeypatch, none_ladder, "imp-s0-80", store_path)
    before = load_ticket(none_ladder.path / "tickets/imp-s0-50.safetensors").state()
    mask = none_ladder.ticket("imp", 0.8, 0).mask
    assert all(np.array_equal(seen[n].numpy()[m], before[n].numpy()[m]) for n, m in mask.items())
    assert np.array_equal(seen["blocks.0.2.running_mean"], before["blocks.0.2.running_mean"])
    summary = none_ladder.summary()
    rows = {(r["method"], r["target"]): r for r in summary["levels"] if not r["controls"]}
    scores = per_run_auc(none_ladder)
    assert rows["imp", 0.8]["reference"]["mean"] == pytest.approx(scores["dense-s0-plus2"])
    assert rows["one-shot", 0.8]["reference"]["mean"] == pytest.approx(scores["dense-s0-plus1"])
    assert rows["imp", 0.8]["kind"] == "pruned"


def per_run_auc(ladder, measure=roc_auc_score, of=lambda p: p):
    found = {}
    table = ladder.scores.to_pylist()
    for row in table:
        if row["split"] == "test":
            logits = np.asarray(row["logits"], np.float64)
            fake = 1 - np.exp(logits[0] - logits.max()) / np.exp(logits - logits.max()).sum()
            found.setdefault(row["run"], {})[row["sample"]] = (row["label"], fake)
    return {
        name: measure([v[0] for v in rows.values()], [of(v[1]) for v in rows.values()]) for name, rows in found.items()
    }


def test_the_summary_derives_from_the_scores(ladder):
    summary = ladder.summary()
    auc, accuracy = per_run_auc(ladder), per_run_auc(ladder, accuracy_score, lambda p: int(p >= 0.5))
    assert summary["dense"]["auc"]["mean"] == pytest.approx(np.mean([auc["dense-s0"], auc["dense-s1"]]))
    assert summary["dense"]["accuracy"]["mean"] == pytest.approx(np.mean([accuracy[f"dense-s{s}"] for s in (0, 1)]))
    for row in summary["levels"]:
        mine = [
            e["run"]
            for e in ladder.facts["entries"]
            if (e["method"], e["level"], e["controls"] or None) == (row["method"], row["target"], row["controls"])
        ]
        assert row["auc"]["mean"] == pytest.approx(np.mean([auc[name] for name in mine]))
        assert row["auc"]["n"] == 2
        assert row["minus_dense"]["mean"] == pytest.approx(row["auc"]["mean"] - summary["dense"]["auc"]["mean"])


def test_the_object_of_show(ladder):
    summary = json.loads(json.dumps(ladder.summary()))
    assert set(summary) >= {
        "detector", "dataset", "protocol", "seeds", "margin", "dense", "levels", "pooled", "headline",
    }  # fmt: skip
    assert set(summary["headline"]) == {"method", "level", "sparsity", "beats_random", "text"}
    assert set(summary["levels"][0]) >= {
        "method", "scope", "rewind", "kind", "target", "sparsity", "macs_sparsity", "remaining", "prunable", "auc",
        "accuracy", "minus_dense", "minus_random", "reference", "controls", "verdict", "reason",
    }  # fmt: skip
    assert summary["dataset"]["hash"] == ladder.facts["data"][0]["hash"]
    assert {row["verdict"] for row in summary["levels"] if row["controls"]} == {None}
    assert {row["verdict"] for row in summary["levels"] if not row["controls"]} == {"undecided"}, "two seeds only"


def test_a_ticket_file_predicts_what_the_ladder_scored(ladder, store_path):
    store = open_store(store_path)
    ticket = ladder.ticket("imp", 0.8, 1)
    rows = store.samples("test")
    crops = np.stack([store.crop(p) for p in rows["crop"].to_pylist()])
    mine = {
        r["sample"]: r["logits"]
        for r in ladder.scores.to_pylist()
        if r["run"] == "imp-s1-80" and r["method"] == "imp" and r["split"] == "test"
    }
    logits = np.array([mine[name] for name in rows["sample"].to_pylist()])
    expected = 1 / (1 + np.exp(logits[:, 0] - logits[:, 1]))
    np.testing.assert_allclose(ticket.predict(crops), expected, atol=1e-5)
    np.testing.assert_allclose(ticket.predict(crops / np.float32(255)), expected, atol=1e-5)
    temperature = ticket.calibration.temperature
    assert temperature == ticket.header["calibration"]["temperature"]
    odds = np.log(expected / (1 - expected)) / temperature
    np.testing.assert_allclose(ticket.predict(crops, calibrated=True), 1 / (1 + np.exp(-odds)), atol=1e-4)
    np.testing.assert_allclose(ticket.probabilities(crops)[:, 1], expected, atol=1e-5)
    assert ticket.classes == ["real", "fake"]
    large = np.stack([np.kron(c, np.ones((2, 2, 1), np.uint8)) for c in crops])
    np.testing.assert_allclose(ticket.predict(large), expected, atol=1e-5)
    assert ticket.predict(crops[:0]).shape == (0,)
    assert ticket.predict(crops).dtype == np.float64
    for wrong in (crops[0], crops.transpose(0, 3, 1, 2), crops.astype(np.int32), crops.astype(np.float32)):
        with pytest.raises(ClewError, match="expected"):
            ticket.predict(wrong)
    promised = ticket.header["metrics"]["test"]["auc"]
    assert promised == pytest.approx(per_run_auc(ladder)["imp-s1-80"])


def test_a_ticket_is_saved_again_bit_for_bit(ladder, tmp_path):
    source = ladder.path / "tickets/imp-s0-80.safetensors"
    load_ticket(source).save(tmp_path / "copy.safetensors")
    assert (tmp_path / "copy.safetensors").read_bytes() == source.read_bytes()


def test_a_ticket_names_no_code_to_run(ladder, tmp_path, monkeypatch):
    (tmp_path / "evil_nets.py").write_text("raise SystemExit('ran')")
    monkeypatch.syspath_prepend(tmp_path)
    content = ladder.ticket("imp", 0.8, 0).content
    named = {**content.header, "detector": {"name": "evil_nets:Net", "input_size": 32, "classes": 2}}
    Ticket(replace(content, header=named)).save(tmp_path / "t.safetensors")
    with pytest.raises(ClewError, match="if you trust it, say --trust evil_nets:Net"):
        load_ticket(tmp_path / "t.safetensors").predict(np.zeros((1, 32, 32, 3), np.uint8))


class NoExecutor:
    def run(self, jobs, description, progress, done):
        from clew.base.executors import Outcome

        assert not jobs, f"computes {[job.name for job in jobs]} again"
        return Outcome()


def test_again_computes_nothing_and_changes_no_byte(ladder, store_path):
    before = {p: p.read_bytes() for p in ladder.path.rglob("*") if p.is_file()}
    search([store_path], SETTINGS, ladder.path, executor=NoExecutor())
    assert {p: p.read_bytes() for p in ladder.path.rglob("*") if p.is_file()} == before


def test_a_ladder_grows_by_seeds_and_methods_to_the_same_bytes(ladder, store_path, tmp_path):
    out = tmp_path / "grown"
    run(store_path, out, methods=("imp",), seeds=(0,))
    grown = run(store_path, out, methods=("one-shot", "random"), seeds=(1,))
    for name in ("ladder.json", "scores.parquet", "tickets/random-of-one-shot-s1-80.safetensors"):
        assert (grown.path / name).read_bytes() == (ladder.path / name).read_bytes(), name


def test_given_weights_are_where_the_search_starts_and_rewinds_to(ladder, store_path, tmp_path):
    given = ladder.path / "tickets/dense-s0.safetensors"
    found = search(
        [store_path], replace(SETTINGS, seeds=(5,), methods=("imp",)), tmp_path / "from", weights=given, executor=ONE
    )
    point, _ = load_state(found.path / "rewind" / "seed-5.safetensors")
    state = load_ticket(given).state()
    assert all(np.array_equal(point[n], state[n]) for n in state)
    assert len(found.settings["start"]) == 64
    with pytest.raises(ClewError, match="its start is"):
        run(store_path, tmp_path / "from", seeds=(5,), methods=("imp",))


def test_weights_that_do_not_fit_are_refused_before_work(ladder, store_path, tmp_path):
    import torch
    from safetensors.torch import save_file

    given = ladder.path / "tickets/dense-s0.safetensors"
    with pytest.raises(ClewError, match="is a ticket of meso4, the search is for cnn5"):
        find_tickets(store_path, tmp_path / "a", detector="cnn5", input_size=32, start=given, training=TRAINING)
    with pytest.raises(ClewError, match="dense nets: name one of them"):
        find_tickets(store_path, tmp_path / "a", detector="meso4", input_size=32, start=ladder.path)
    save_file({"x": torch.zeros(2)}, tmp_path / "w.safetensors")
    with pytest.raises(ClewError, match=r"w\.safetensors lacks 'blocks"):
        find_tickets(store_path, tmp_path / "a", detector="meso4", input_size=32, start=tmp_path / "w.safetensors")
    torch.save({"x": Config("a", 1)}, tmp_path / "w.pth")
    with pytest.raises(ClewError, match=r"w\.pth is no file of plain tensors"):
        find_tickets(store_path, tmp_path / "a", detector="meso4", input_size=32, start=tmp_path / "w.pth")
    assert not (tmp_path / "a").exists()


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"detector": Config("cnn5", 32)}, "its detector is name meso4, asked for is name cnn5"),
        ({"levels": (0.5, 0.9)}, r"its levels is \[0.5, 0.8\]"),
        ({"training": replace(TRAINING, lr=1e-3)}, "its training is lr 0.003, asked for is lr 0.001"),
        ({"rewind": "none"}, "its rewind is init, asked for is none"),
    ],
)
def test_another_search_does_not_touch_a_ladder(ladder, store_path, changes, why):
    before = {p: p.read_bytes() for p in ladder.path.rglob("*") if p.is_file()}
    with pytest.raises(ClewError, match=why):
        run(store_path, ladder.path, **changes)
    assert {p: p.read_bytes() for p in ladder.path.rglob("*") if p.is_file()} == before


def test_other_data_or_another_folder_are_refused(ladder, store_path, folder_root, tmp_path):
    other = crop_dataset(folder_root, "folder", tmp_path / "noise-store", limit=10)
    with pytest.raises(ClewError, match="is a ladder on other data"):
        run(other.path, ladder.path)
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine/thesis.doc").touch()
    (tmp_path / "mine/.partial-0123456789ab-ladder.json").touch()  # what a search killed at its start leaves
    with pytest.raises(ClewError, match="mine exists and is not a ladder .it holds thesis.doc"):
        run(store_path, tmp_path / "mine")
    with pytest.raises(ClewError, match="is not a crop store"):
        run(tmp_path / "nowhere", tmp_path / "out")
    with pytest.raises(ClewError, match="a training has 10 steps; rewind to an earlier one"):
        run(store_path, tmp_path / "out", rewind="step:10")
    with pytest.raises(ClewError, match="the same folder name"):
        search([store_path, store_path], SETTINGS, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_search_killed_at_its_very_start_goes_on(store_path, tmp_path):
    (tmp_path / "out").mkdir()
    (tmp_path / "out/.partial-0123456789ab-ladder.json").touch()
    check([store_path], SETTINGS, tmp_path / "out")


def test_ladders_that_are_none(ladder, tmp_path):
    with pytest.raises(ClewError, match="is not a ladder: make one with"):
        open_ladder(tmp_path)
    copy = tmp_path / "copy"
    shutil.copytree(ladder.path, copy)
    facts = json.loads((copy / "ladder.json").read_text())
    for content, why in (
        ({**facts, "format": 9}, r"ladder\.json has format 9"),
        ({**facts, "complete": False}, "an unfinished search: run the same"),
        ([1], r"ladder\.json is not the description of a ladder"),
        ({**facts, "settings": {}}, "is not the description"),
        ({**facts, "data": []}, "is not the description"),
        ({**facts, "runs": {}}, "is not the description"),
    ):
        (copy / "ladder.json").write_text(json.dumps(content))
        with pytest.raises(ClewError, match=why):
            open_ladder(copy)
    (copy / "ladder.json").write_text(json.dumps(facts))
    (copy / "scores.parquet").write_bytes(b"PAR1")
    with pytest.raises(ClewError, match=r"scores\.parquet is not a readable"):
        open_ladder(copy).summary()
    pq.write_table(ladder.scores.drop_columns(["logits"]), copy / "scores.parquet")
    with pytest.raises(ClewError, match="lacks the columns logits"):
        open_ladder(copy).summary()
    with pytest.raises(ClewError, match="has no imp ticket at 0.7 of seed 0. There are: .*imp 0.8"):
        ladder.ticket("imp", 0.7, 0)


def test_a_failing_training_loses_nothing_that_is_finished(store_path, tmp_path):
    out = tmp_path / "ladder"
    run(store_path, out, methods=("imp",), seeds=(0,))
    dense = out / "tickets/dense-s0.safetensors"
    whole = dense.read_bytes()
    dense.write_bytes(whole[:-1])
    with pytest.raises(
        ClewError, match=r"1 of 7 trainings failed .1 more wait for them.*dense-s0\.safetensors is not a"
    ):
        run(store_path, out, LocalExecutor(1), methods=("imp", "one-shot", "random"), seeds=(0,))
    assert (out / "unfinished/random-of-imp-s0-80.json").exists(), "what could be done was done"
    dense.write_bytes(whole)
    ladder = run(store_path, out, methods=("imp", "one-shot", "random"), seeds=(0,))
    assert len(ladder.facts["runs"]) == 7


def test_two_stores_are_judged_together(store_path, folder_root, tmp_path):
    other = crop_dataset(folder_root, "folder", tmp_path / "second", size=48, limit=8)
    found = search(
        [store_path, other.path], replace(SETTINGS, seeds=(0,), methods=("imp",)), tmp_path / "two", executor=ONE
    )
    summary = found.summary()
    assert summary["dataset"]["name"] == "noise-store+second"
    assert summary["protocol"] == "as-given-v1, 32 px; as-given-v1, 48 px"
    assert found.scores.num_rows == 3 * (24 + 48 + 32)


def test_all_cores_for_trainings_that_wait_for_each_other():
    from clew.tickets.find import _one_by_one

    assert _one_by_one(("imp",), 1)
    assert _one_by_one((), 1)
    assert not _one_by_one(("imp",), 2)
    assert not _one_by_one(("one-shot",), 1)
    assert not _one_by_one(("imp", "random"), 1)
