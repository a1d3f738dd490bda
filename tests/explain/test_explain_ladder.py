"""A ladder explained: its numbers are those of the raw heatmaps, nothing is made twice, and bad input is refused."""

import json
from itertools import combinations

import numpy as np
import pytest
import torch

from clew.base.errors import ClewError
from clew.datasets.store import open_store
from clew.explain import streaming
from clew.explain.focus import spearman, top_overlap
from clew.explain.heatmaps import heatmaps, upsampled
from clew.explain.ladder import explain_ladder
from clew.explain.means import figure
from clew.explain.nets import nets_of
from clew.explain.shelf import Shelf
from clew.explain.subject import subject_of
from clew.explain.targets import Joined, target_of
from clew.reports.explain_markdown import explained_markdown, shortened
from clew.reports.explain_page import write_explain_page
from clew.tickets.evaluation.bench import Bench
from clew.tickets.find import find_tickets
from clew.tickets.ticket import load_ticket
from clew.training.score import fake_probability
from clew.training.settings import TrainSettings
from explained_ladders import SMALL, explained, short_sanity, with_regions
from method_stores import Inline, forged_ladder, method_run, store_of, write_store

QUICK = {**SMALL, "slow_limit": None}


@pytest.fixture(scope="module")
def done(tmp_path_factory):
    return explained(tmp_path_factory)


def maps(done, run):
    (path,) = (done.out / "heatmaps").glob(f"{run}-*.npy")
    return np.load(path)


def subject(done):
    return subject_of(open_store(done.store), 32, SMALL["limit"], SMALL["slow_limit"])


def test_kept_heatmaps_are_the_raw_ones_of_every_ticket(done):
    images = subject(done).images(np.arange(5))
    for run in ("dense-s0", "imp-s1-50"):
        net = load_ticket(done.ladder.path / "tickets" / f"{run}.safetensors").detector()
        wanted = heatmaps(net, images, torch.ones(5, dtype=torch.int64), "blocks.3.0").numpy()
        assert maps(done, run).shape == (done.found["store"]["pictures"], *wanted.shape[1:])
        assert np.allclose(maps(done, run)[:5], wanted, rtol=1e-4, atol=1e-7)
    assert len(list((done.out / "heatmaps").iterdir())) == 4  # two seeds, dense and one level


def test_focus_is_the_mean_over_seeds_of_the_mean_over_pictures(done):
    (level,) = done.found["levels"]
    for name, measure in (("spearman", spearman), ("top_overlap", top_overlap)):
        by_seed = [np.nanmean(measure(maps(done, f"dense-s{s}"), maps(done, f"imp-s{s}-50"))) for s in (0, 1)]
        assert level["focus"][name]["mean"] == pytest.approx(np.mean(by_seed))
        assert level["focus"][name]["n"] == 2
        assert level["focus"][name]["low"] <= np.mean(by_seed) <= level["focus"][name]["high"]
    apart = [spearman(maps(done, f"dense-s{a}"), maps(done, f"dense-s{b}")) for a, b in combinations((0, 1), 2)]
    assert done.found["between_seeds"]["spearman"]["mean"] == pytest.approx(np.nanmean(apart))
    assert done.found["dense"]["focus"] is None


def test_heat_inside_the_region_is_paired_with_dense_and_beside_the_area(done):
    chosen = subject(done)
    known = np.flatnonzero(chosen.known)
    region = chosen.regions(known)
    inside = {}
    for run in ("dense-s0", "dense-s1", "imp-s0-50", "imp-s1-50"):
        large = upsampled(torch.from_numpy(maps(done, run)[known]), 32).numpy().astype(np.float64)
        total = large.sum((1, 2))
        inside[run] = np.where(total > 0, (large * region).sum((1, 2)) / np.where(total > 0, total, 1), np.nan)
    dense, (level,) = done.found["dense"], done.found["levels"]
    own = np.stack([inside[f"imp-s{s}-50"] for s in (0, 1)])
    against = np.stack([inside[f"dense-s{s}"] for s in (0, 1)])
    told = level["region"]["energy_inside"]
    assert told["value"]["mean"] == pytest.approx(np.nanmean(own, 1).mean())
    assert told["minus_dense"]["mean"] == pytest.approx(np.nanmean(own - against, 1).mean())
    assert dense["region"]["energy_inside"]["minus_dense"] is None
    assert dense["region"]["area_share"]["value"]["mean"] == pytest.approx(0.25)
    assert dense["region_gain"]["mean"] == pytest.approx(np.nanmean(against - 0.25, 1).mean())
    assert done.found["store"]["regions"] == len(known) == done.found["store"]["fakes"]


def test_shares_of_parts_and_counts(done):
    for net in (done.found["dense"], *done.found["levels"]):
        assert sum(one["mean"] for one in net["parts"].values()) == pytest.approx(1)
        assert 0 <= net["empty"]["mean"] <= 1
    store = done.found["store"]
    assert (store["reals"], store["fakes"]) == (store["pictures"] // 2, store["pictures"] // 2)
    assert store["own"] is True
    assert done.found["counts"]["slow"] == len(subject(done).slow) < store["pictures"]
    assert done.found["warnings"] == []


def test_trust_is_told_of_the_slow_pictures(done):
    for net in (done.found["dense"], *done.found["levels"]):
        trust = net["trust"]
        for name in ("deletion", "insertion"):
            assert 0 <= trust[name]["mean"] <= 1
            assert trust[name]["pictures"] <= done.found["counts"]["slow"]
            assert len(trust["curves"][name]) == len(trust["curves"][f"random_{name}"]) == 21
        assert trust["curves"]["deletion"][0] == pytest.approx(trust["curves"]["insertion"][-1], abs=1e-6)
        assert trust["sanity"]["passed"] == all(one["passed"] for one in trust["sanity"]["seeds"])
    bands, filters = done.found["bands"], done.found["filters"]
    assert [one["level"] for one in bands["levels"]] == [0, 0.5]
    assert [one["level"] for one in filters["levels"]] == [0.5]
    assert done.found["flips"]["whole"] is True
    assert done.found["clues"] is None


def test_the_same_call_makes_nothing_again_and_tells_the_same(done, monkeypatch, tmp_path):
    before = (done.out / "explanation.json").read_bytes()
    calls = counted_heatmaps(monkeypatch)
    found = explain_ladder(done.ladder.path, done.store, done.out, **SMALL)
    assert calls == [1]  # the layer is tried out on one picture
    assert found == done.found == json.loads(before)
    assert (done.out / "explanation.json").read_bytes() == before


def counted_heatmaps(monkeypatch, stop=10**9):
    """The number of pictures of each call; the call after `stop` of them is interrupted."""
    calls = []

    def counted(net, images, *rest):
        calls.append(len(images))
        if len(calls) > stop:
            raise KeyboardInterrupt
        return heatmaps(net, images, *rest)

    monkeypatch.setattr(streaming, "heatmaps", counted)
    return calls


def test_killed_it_goes_on_where_it_was_and_a_spoilt_file_is_made_again(done, monkeypatch, tmp_path):
    asked = (done.ladder.path, done.store, tmp_path)
    with monkeypatch.context() as patch:
        counted_heatmaps(patch, stop=2)
        with pytest.raises(KeyboardInterrupt):
            explain_ladder(*asked, **QUICK)
    kept = list((tmp_path / "heatmaps").iterdir())
    assert len(kept) == 1  # whole or not there: no remains of the second
    stamp = kept[0].stat().st_mtime_ns
    with monkeypatch.context() as patch:
        calls = counted_heatmaps(patch)
        found = explain_ladder(*asked, **QUICK)
    assert len(calls) == 1 + 3
    assert kept[0].stat().st_mtime_ns == stamp
    assert [one["focus"] for one in found["levels"]] == [one["focus"] for one in done.found["levels"]]
    kept[0].write_bytes(kept[0].read_bytes()[:-7])
    again = explain_ladder(*asked, **QUICK)
    assert again == found
    assert found["dense"]["trust"] is None
    assert found["bands"] is None


def test_a_measure_that_is_not_as_it_was_written_is_made_again(tmp_path):
    shelf = Shelf(tmp_path)
    made = [shelf.measure("one", "key", lambda: {"mean": 0.5})]
    (path,) = (tmp_path / "measures").iterdir()
    for spoilt in ("{}", "[1]", '{"value": {"mean": 7}, "hash": "0"}', '{"mean"', "null"):
        path.write_text(spoilt)
        made.append(shelf.measure("one", "key", lambda: {"mean": 0.5}))
    assert made == [{"mean": 0.5}] * 6
    assert shelf.measure("one", "key", lambda: pytest.fail("it is there")) == {"mean": 0.5}


def test_gallery_rows_have_one_scale_and_the_right_verdicts(done):
    gallery, chosen = done.found["gallery"], subject(done)
    names = chosen.samples.rows["sample"].to_pylist()
    every = {run: maps(done, run) for run in ("dense-s0", "imp-s0-50")}
    crops = chosen.samples.crops(np.arange(len(chosen)), 32)
    said = {run: load_ticket(done.ladder.path / "tickets" / f"{run}.safetensors").predict(crops) for run in every}
    groups = {group["name"]: group for group in gallery["groups"]}
    flips = (said["dense-s0"] >= 0.5) != (said["imp-s0-50"] >= 0.5)
    assert groups["The verdict flips"]["count"] == flips.sum()
    assert (gallery["seed"], gallery["levels"]) == (0, [0, 0.5])
    for name, group in groups.items():
        for row in group["rows"]:
            at = names.index(row["sample"])
            assert row["scale"] == pytest.approx(max(one[at].max() for one in every.values()))
            assert row["region"] == bool(row["label"])
            assert flips[at] == (name == "The verdict flips")
            for cell, run in zip(row["cells"], every, strict=True):
                assert cell["probability"] == pytest.approx(said[run][at], abs=2e-3)
                assert cell["right"] == (cell["fake"] == (row["label"] == 1))
                assert (done.out / cell["overlay"]).is_file()
            assert (done.out / row["picture"]).is_file()


def test_other_data_of_one_class_without_regions_is_warned_of(done, tmp_path):
    other = write_store(tmp_path / "others", methods=("Grid",), videos={"test": 6}, frames=1, seed=5)
    found = explain_ladder(done.ladder.path, other.path, tmp_path / "out", **QUICK)
    told = " ".join(found["warnings"])
    for words in (other.hash[:12], done.ladder.facts["data"][0]["hash"][:12], "fakes only", "no forged regions"):
        assert words in told
    assert found["dense"]["region"] is None
    assert found["flips"]["whole"] is False
    assert found["flips"]["groups"] == ["all", "Grid"]
    assert [len(one["rows"]) for one in found["gallery"]["groups"]][2] == 0
    assert "forged region" not in found["headline"]


def test_dense_nets_alone_of_several_classes(tmp_path_factory, tmp_path):
    run = method_run(tmp_path_factory)
    found = explain_ladder(run.path, store_of(run), tmp_path / "out", seeds=1, cam="input-gradient", **QUICK)
    assert (found["levels"], found["shown_level"], found["flips"], found["filters"]) == ([], None, None, None)
    assert found["heatmaps"]["side"] == [32, 32]
    assert "fake of any kind" in found["heatmaps"]["target"]
    assert found["ladder"]["seeds"] == [0]
    assert found["between_seeds"] is None
    with pytest.raises(ClewError, match=r"unknown target 'Faceswap'.*Grid"):
        explain_ladder(run.path, store_of(run), tmp_path / "out", target="Faceswap", **QUICK)
    with pytest.raises(ClewError, match="dense nets alone: leave --sparsity out"):
        explain_ladder(run.path, store_of(run), tmp_path / "out", levels=(0.5,), **QUICK)


def test_all_fakes_together_are_what_the_tables_call_fake():
    torch.manual_seed(0)
    net = torch.nn.Sequential(torch.nn.Conv2d(3, 4, 3), torch.nn.AdaptiveAvgPool2d(1), torch.nn.Flatten(), torch.nn.Linear(4, 3))  # fmt: skip
    images = torch.rand(5, 3, 8, 8)
    logits = net(images).detach().numpy()
    joint = target_of("fake", ("real", "a", "b"))
    assert np.allclose(torch.softmax(joint.head(net)(images), 1)[:, 1].detach(), fake_probability(logits))
    assert (joint.layer("0"), type(joint.head(net))) == ("net.0", Joined)
    named, predicted = target_of("b", ("real", "a", "b")), target_of("predicted", ("real", "a", "b"))
    assert named.numbers(logits).tolist() == [2] * 5
    assert predicted.numbers(logits).tolist() == logits.argmax(1).tolist()
    assert target_of("fake", ("real", "fake")).head(net) is net


def test_a_figure_by_hand():
    """Two seeds, four pictures of four clusters, one without a value in seed 1, one without any."""
    values = np.array([[1.0, 2.0, 3.0, np.nan], [4.0, np.nan, 8.0, np.nan]])
    columns = np.array(["a", "b", "c", "d"])
    bench = Bench(np.array([0, 0, 1, 1]), values, columns, columns, columns, (5, 6), 50)
    found = figure(bench, values)
    assert (found["mean"], found["n"], found["pictures"]) == (4.0, 2, 3)  # (2 + 6) / 2
    assert figure(bench, np.full((2, 4), np.nan)) is None
    only = figure(bench, np.array([[np.nan] * 4, [1.0, 2.0, 3.0, 4.0]]), (0.0, 3.0))
    assert (only["mean"], only["n"], only["high"] <= 3.0) == (2.5, 1, True)


def test_seeds_and_levels_are_chosen(tmp_path_factory):
    ladder = forged_ladder(tmp_path_factory)
    nets = nets_of(ladder.path, seeds=1)
    assert (nets.method, nets.seeds, [one.model.seeds for one in nets.levels]) == ("imp", (0,), [(0,)])
    assert [member.path.stem for member in nets.members] == ["dense-s0", "imp-s0-50"]
    for asked, words in (({"method": "snip"}, "no snip tickets"), ({"levels": (0.7,)}, "level 0.7"), ({"seeds": 0}, "--seeds 0")):  # fmt: skip
        with pytest.raises(ClewError, match=words):
            nets_of(ladder.path, **asked)


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        ({"cam": "lime"}, "unknown heatmap method 'lime'"),
        ({"layer": "head"}, r"'head' of Meso4 puts out .*blocks.3.0"),
        ({"layer": "body"}, "'body' of Meso4 is not there"),
        ({"limit": -1}, "--limit -1"),
        ({"resamples": 5}, "--resamples 5"),
        ({"landmarks": "nowhere.dat"}, "nowhere.dat"),
    ],
)
def test_what_cannot_be_is_refused_before_any_work(done, tmp_path, asked, words):
    with pytest.raises(ClewError, match=words):
        explain_ladder(done.ladder.path, done.store, tmp_path / "out", **{**QUICK, **asked})
    assert not (tmp_path / "out" / "scores").exists()


def test_bad_stores_and_folders_are_refused(done, tmp_path):
    file = tmp_path / "file"
    file.write_text("")
    with pytest.raises(ClewError, match="is a file"):
        explain_ladder(done.ladder.path, done.store, file, **QUICK)
    empty = write_store(tmp_path / "empty", methods=("real",), videos={"train": 2})
    with pytest.raises(ClewError, match="no usable samples in the split 'test'"):
        explain_ladder(done.ladder.path, empty.path, tmp_path / "out", **QUICK)
    for inside in (done.ladder.path, done.ladder.path / "explained", done.store / "explained"):
        with pytest.raises(ClewError, match="only read"):
            explain_ladder(done.ladder.path, done.store, inside, **QUICK)
    odd = with_regions(done.store, tmp_path / "odd")
    np.save(odd / "regions-00000.npy", np.zeros((len(open_store(done.store).index), 16, 16), np.uint8))
    with pytest.raises(ClewError, match=r"regions-00000.npy"):
        explain_ladder(done.ladder.path, odd, tmp_path / "out", **QUICK)
    with Shelf(tmp_path / "busy").alone(), pytest.raises(ClewError, match="another 'clew explain' is at work"):
        explain_ladder(done.ladder.path, done.store, tmp_path / "busy", **QUICK)


def test_a_level_that_fails_the_sanity_check_is_marked(done, monkeypatch, tmp_path):
    from clew.explain import trust
    from clew.explain.wording import believed

    monkeypatch.setattr(trust, "sanity", lambda *parts: {"passed": False})
    found = explain_ladder(done.ladder.path, done.store, tmp_path, seeds=1, **{**SMALL, "slow_limit": 2})
    assert [one["trust"]["sanity"]["passed"] for one in (found["dense"], *found["levels"])] == [False, False]
    assert "the dense network (1 of 1 seed) and the tickets at 50 % (1 of 1 seed) fail the sanity check" in believed(
        [found["dense"], *found["levels"]]
    )
    assert "fail the sanity check" in found["headline"]
    with short_sanity():  # kept: not made again
        again = explain_ladder(done.ladder.path, done.store, tmp_path, seeds=1, **{**SMALL, "slow_limit": 2})
    assert again == found


def test_the_clues_of_a_network_with_blocks(tmp_path):
    store = write_store(
        tmp_path / "store", methods=("real", "Grid"), videos={"train": 4, "val": 2, "test": 4}, frames=1
    )
    run = find_tickets(
        store.path, tmp_path / "run", detector="mi_net", options={"backbone": "meso4", "blocks": 3}, input_size=32,
        methods=(), levels=(0.5,), seeds=1, training=TrainSettings(epochs=1, batch_size=4), threads=1, precision="fp32",
        memory_format="contiguous", executor=Inline(),
    )  # fmt: skip
    with short_sanity():
        found = explain_ladder(run.path, store.path, tmp_path / "out", **SMALL)
    assert found["heatmaps"]["layer"] == "blocks.0.blocks.3.0"
    clues = found["clues"]
    assert (clues["blocks"], clues["pairs"], clues["pictures"]) == (3, [[1, 2], [1, 3], [2, 3]], 6)
    (dense,) = clues["levels"]
    cka = [pair["cka"]["mean"] for pair in dense["pairs"]]
    assert dense["mean"]["cka"]["mean"] == pytest.approx(np.mean(cka))
    (told,) = [line for line in found["findings"] if "blocks" in line]
    assert told.startswith("The 3 blocks of the dense network: heatmaps overlap")
    assert f"features are alike (CKA) {dense['mean']['cka']['mean']:.2f}" in told
    page = write_explain_page(found, tmp_path / "out").read_text()
    assert "Do the blocks see different clues?" in page
    kept = shortened(found)
    assert "pairs" not in kept["clues"]["levels"][0]
    assert "Do the blocks see different clues" in explained_markdown({"blocks": kept})
