"""Robustness against sparsity: what is lost, what is lost more than by dense, and what is said of it."""

import copy
import json
import shutil
from dataclasses import replace

import numpy as np
import pytest
import torch

from clew.base.errors import ClewError
from clew.base.files import read_json, write_json
from clew.datasets.store import open_store
from clew.tickets.evaluation import Attack, attacked, evaluate, ladder_robustness, scoring
from clew.tickets.evaluation.corruptions import Corruption, corruptions
from clew.tickets.evaluation.ladder_models import side_by_side
from clew.tickets.evaluation.ladder_robustness import RESULT
from clew.tickets.evaluation.losses import Ends, Seen, judge, mean_of
from clew.tickets.evaluation.robustness_words import findings, headline, up_to
from clew.tickets.evaluation.samples import usable
from clew.training.attack import pgd
from clew.training.intervals import Estimate, Interval
from method_stores import forged_ladder, store_of, write_store

SAME = Corruption("Nothing", "times", (1,), lambda crop, level, rng: crop)
GREY = Corruption("All grey", "times", (1, 2), lambda crop, level, rng: np.full_like(crop, 127))


@pytest.fixture(scope="module")
def ladder(tmp_path_factory):
    return forged_ladder(tmp_path_factory)


@pytest.fixture
def two(monkeypatch):
    monkeypatch.setattr(corruptions, "_items", {"nothing": SAME, "grey": GREY})


@pytest.fixture
def away(tmp_path):
    return tmp_path / "out"


def stress(ladder, out, **changes):
    return ladder_robustness(ladder.path, **({"limit": 0, "resamples": 100, "out": out} | changes))


def ends(found):
    return [found[end] for end in ("mean", "low", "high")]


# What is measured


def test_what_is_lost_and_what_is_lost_more_than_by_dense(ladder, two, away):
    found = stress(ladder, away)["stores"][0]
    (ticket,) = found["levels"]
    dense = found["dense"]
    grey, nothing = ticket["corruptions"]
    assert (ticket["method"], ticket["level"], ticket["seeds"]) == ("imp", 0.5, [0, 1])
    assert ticket["sparsity"] == pytest.approx(0.5, abs=1e-4)
    (level,) = nothing["levels"]
    assert level["auc"] == ticket["clean"]["auc"]
    assert ends(level["lost"]) == ends(level["lost_more"]) == [0, 0, 0]
    assert level["minus_dense"] == ticket["clean"]["minus_dense"]
    one, two_ = grey["levels"]
    assert one["auc"]["mean"] == 0.5
    assert one["lost"]["mean"] == pytest.approx(ticket["clean"]["auc"]["mean"] - 0.5)
    # all nets lose all they have: what one loses more is what it has more, resample by resample
    assert ends(one["lost_more"]) == pytest.approx(ends(ticket["clean"]["minus_dense"]))
    assert ends(one["minus_dense"]) == [0, 0, 0]
    assert {key: value for key, value in two_.items() if key != "level"} == {
        k: v for k, v in one.items() if k != "level"
    }
    mean = ticket["mean"]
    assert mean["lost"]["mean"] == pytest.approx(one["lost"]["mean"] * 2 / 3)
    assert ends(mean["lost_more"]) == pytest.approx([2 / 3 * end for end in ends(one["lost_more"])])
    assert dense["mean"]["lost"]["mean"] == pytest.approx((dense["clean"]["auc"]["mean"] - 0.5) * 2 / 3)
    assert set(dense["mean"]) == {"auc", "lost"}


def test_the_pictures_left_alone_are_those_of_the_evaluation(ladder, two, away):
    found = stress(ladder, away)["stores"][0]
    for net, choice in ((found["dense"], {}), (found["levels"][0], {"method": "imp"})):
        whole = evaluate(ladder.path, [store_of(ladder)], resamples=100, **choice)["stores"][0]["video"]["auc"]
        assert ends(net["clean"]["auc"]) == pytest.approx(ends(whole))
    assert (found["unit"], found["rows"], found["pictures"], found["own"]) == ("video", 60, 120, True)


def test_the_mean_of_conditions_stays_paired():
    aucs = [np.array([[0.9, 0.8]]), np.array([[0.5, 0.6]])]
    at = [Seen({("imp", 0.5): Estimate((0, 1), part[0], part)}, 40, 50) for part in aucs]
    mean = mean_of(at).aucs["imp", 0.5]
    assert mean.values.tolist() == pytest.approx([0.7, 0.7])
    assert mean.resampled.tolist()[0] == pytest.approx([0.7, 0.7])


def test_two_levels_that_share_a_run_are_scored_once(ladder):
    facts = copy.deepcopy(ladder.facts)
    imp = [entry for entry in facts["entries"] if entry["method"] == "imp"]
    facts["entries"] += [entry | {"method": "one-shot"} for entry in imp]
    facts["entries"] += [entry | {"method": "random", "controls": "imp"} for entry in imp]
    side = side_by_side(replace(ladder, facts=facts))
    assert [one.method for one in side.levels] == ["imp", "one-shot"]
    assert len(side.members) == 4
    assert [one.method for one in side_by_side(replace(ladder, facts=facts), ["random-of-imp"]).levels] == [
        "random-of-imp"
    ]


def test_where_weights_go_on_the_reference_is_dense_trained_as_long(ladder):
    facts = copy.deepcopy(ladder.facts)
    dense = [entry for entry in facts["entries"] if entry["method"] == "dense"]
    longer = [entry | {"level": 0.5, "controls": "imp"} for entry in dense]
    facts["entries"] += [longer[0] | {"ticket": dense[1]["ticket"]}, longer[1] | {"ticket": dense[0]["ticket"]}]
    (one,) = side_by_side(replace(ladder, facts=facts)).levels
    (plain,) = side_by_side(ladder).levels
    assert (one.reference.method, one.reference.level) == ("dense-of-imp", 0.5)
    assert (plain.reference.method, plain.reference.level) == ("dense", 0.0)
    assert [member.path.stem for member in one.reference.members] == ["dense-s1", "dense-s0"]


def test_nets_are_held_a_few_at_a_time(ladder, monkeypatch):
    members = side_by_side(ladder).members
    assert [len(group) for group in scoring.groups(members)] == [4]
    monkeypatch.setattr(scoring, "MOST_NETS", 3)
    assert [len(group) for group in scoring.groups(members)] == [3, 1]
    monkeypatch.setattr(scoring, "MOST_WEIGHTS", 1)
    assert [len(group) for group in scoring.groups(members)] == [1, 1, 1, 1]


# The attack


def test_each_ticket_is_attacked_through_its_own_masked_network(ladder):
    side = side_by_side(ladder)
    samples = usable(open_store(store_of(ladder)), "test")
    task = type("Task", (), {"advance": lambda self, steps, note: None})()
    budgets = Attack((4.0,), 3)
    dense, ticket = side.dense.members[0], side.levels[0].model.members[0]
    made = list(budgets.scorer(4.0)([dense, ticket], samples, task))
    plain = list(budgets.scorer(0.0)([dense, ticket], samples, task))
    whole = torch.from_numpy(samples.crops(np.arange(len(samples)), 32)).permute(0, 3, 1, 2).float() / 255
    for member, under, clean in zip((dense, ticket), made, plain, strict=True):
        net = member.ticket().detector()
        with torch.inference_mode():
            assert np.allclose(net(whole).numpy(), clean, atol=1e-5)
        odds = under[:, 1] - under[:, 0] - (clean[:, 1] - clean[:, 0])
        wrong = np.where(samples.labels > 0, -odds, odds)
        assert (wrong > -1e-4).mean() > 0.95
        assert wrong.mean() > 0.01
    other = pgd(  # made through the dense net, the same attack harms the ticket less than its own
        dense.ticket().detector(), whole, torch.from_numpy(samples.labels), 4 / 255, 3, 2.5 * 4 / 255 / 3
    )
    with torch.inference_mode():
        moved = ticket.ticket().detector()(other).numpy()
    sign = np.where(samples.labels > 0, -1, 1)
    assert (sign * (made[1][:, 1] - made[1][:, 0])).mean() > (sign * (moved[:, 1] - moved[:, 0])).mean()


def test_the_attack_has_pictures_of_its_own_and_falls_with_its_budget(ladder, two, away):
    found = stress(ladder, away, attack=Attack((1.0, 16.0), 2, 24), limit=40)
    store = found["stores"][0]
    assert found["attack"] == {"name": "pgd-2", "steps": 2, "epsilons": [1.0, 16.0], "limit": 24}
    assert (store["attacked"]["pictures"], store["pictures"]) == (24, 40)
    for net in (store["dense"], *store["levels"]):
        weak, strong = (level["auc"]["mean"] for level in net["attack"]["levels"])
        assert strong < weak <= net["attack"]["clean"]["auc"]["mean"]
        assert net["attack"]["levels"][1]["lost"]["mean"] == pytest.approx(
            net["attack"]["clean"]["auc"]["mean"] - strong
        )
    assert "A gradient attack of 1/255 takes dense nets" in store["findings"][0]["attack"]
    assert stress(ladder, away, limit=40)["stores"][0]["findings"][0]["attack"] == ""


@pytest.mark.parametrize(
    "changes",
    [
        {"epsilons": ()},
        {"epsilons": (0.0,)},
        {"epsilons": (2.0, 1.0)},
        {"epsilons": (300.0,)},
        {"steps": 0},
        {"limit": -1},
    ],
)
def test_attacks_that_cannot_be(changes):
    with pytest.raises(ClewError, match="--epsilon|--steps|--attack-limit"):
        Attack(**changes)


# Going on, other data, bad requests


def test_a_stopped_call_goes_on_and_makes_nothing_twice(ladder, two, away, tmp_path, monkeypatch):
    whole = stress(ladder, tmp_path / "whole", attack=Attack((2.0,), 2, 24), limit=24)
    honest, made = scoring.logits_of, []

    def until(count):
        def counted(*args):
            if len(made) >= count:
                raise KeyboardInterrupt
            made.append(1)
            return honest(*args)

        return counted

    monkeypatch.setattr(scoring, "logits_of", until(6))
    with pytest.raises(KeyboardInterrupt):
        stress(ladder, away, attack=Attack((2.0,), 2, 24), limit=24)
    assert not (away / RESULT).exists()
    monkeypatch.setattr(scoring, "logits_of", until(4 * 4 + 2))  # four nets, four conditions; two were lost
    monkeypatch.setattr(attacked, "pgd", lambda *args: (_ for _ in ()).throw(KeyboardInterrupt))
    with pytest.raises(KeyboardInterrupt):
        stress(ladder, away, attack=Attack((2.0,), 2, 24), limit=24)
    assert len(made) == 4 * 4 + 2
    monkeypatch.setattr(attacked, "pgd", pgd)
    assert stress(ladder, away, attack=Attack((2.0,), 2, 24), limit=24) == whole
    assert (away / RESULT).read_bytes() == (tmp_path / "whole" / RESULT).read_bytes()
    monkeypatch.setattr(attacked, "loaded", None)  # nothing is left to do
    assert stress(ladder, away, attack=Attack((2.0,), 2, 24), limit=24) == whole
    assert json.loads((away / RESULT).read_text()) == whole


def test_other_data_is_allowed_and_told(ladder, two, tmp_path, away):
    write_store(tmp_path / "larger", size=40, videos={"test": 6}, seed=5)
    found = stress(ladder, away, stores=[store_of(ladder), tmp_path / "larger"])
    assert [store["own"] for store in found["stores"]] == [True, False]
    other, crops = found["warnings"]
    assert other.startswith("larger is not the data of this ladder (forged)")
    assert "cropped as 'as-given-v1, 40 px'" in crops
    assert found["headline"].startswith("On forged: ")
    assert " On larger: " in found["headline"]


def test_the_ladders_own_stores_are_found_or_asked_for(ladder, two, tmp_path, away):
    moved = replace(ladder, path=tmp_path / "ladder")
    shutil.copytree(ladder.path, moved.path)
    assert stress(moved, None, limit=20)["stores"][0]["name"] == "forged"
    assert (moved.path / "robustness" / RESULT).exists()
    facts = read_json(moved.path / "run.json")
    write_json(moved.path / "run.json", facts | {"stores": [str(tmp_path / "gone")]})
    with pytest.raises(ClewError, match="gone is not there: name it after the ladder"):
        stress(moved, away)
    for broken in ({}, {"stores": []}, {"stores": "x"}, [1]):
        write_json(moved.path / "run.json", broken)
        with pytest.raises(ClewError, match="does not say where the ladder's crop stores lie"):
            stress(moved, away)
    assert stress(moved, away, stores=[store_of(ladder)], limit=20)["stores"][0]["own"]


def test_bad_requests_are_refused_before_any_work(ladder, tmp_path, away):
    write_store(tmp_path / "reals", methods=("real",), seed=3)
    for changes, why in (
        ({"methods": ["luck"]}, r"no luck tickets\. There are: dense 0; imp 0\.5"),
        ({"methods": ["dense"]}, r"no dense tickets"),
        ({"levels": [0.8]}, r"no such tickets at level 0\.8\. There are"),
        ({"limit": -1}, "--limit -1"),
        ({"resamples": 5}, "--resamples 5"),
        ({"stores": [tmp_path / "reals"]}, "its test split holds reals only"),
        ({"stores": [tmp_path]}, "is not a finished crop store"),
    ):
        with pytest.raises(ClewError, match=why):
            stress(ladder, away, **changes)
    assert not away.exists()
    with pytest.raises(ClewError, match="is not a ladder"):
        ladder_robustness(tmp_path)


def test_a_ladder_without_tickets_has_nothing_to_compare(ladder):
    dense = [entry for entry in ladder.facts["entries"] if entry["method"] == "dense"]
    with pytest.raises(ClewError, match="holds no tickets to compare"):
        side_by_side(replace(ladder, facts=ladder.facts | {"entries": dense}))


# What is said of it

GOOD = Interval(0.8, 0.7, 0.9, 3)
CHANCE = Interval(0.55, 0.45, 0.65, 3)
EVEN, LOWER, HIGHER = (Interval(m, m - 0.02, m + 0.02, 3) for m in (0.0, -0.1, 0.1))


def verdict(low, high, *, clean=GOOD, under=GOOD, dense=GOOD, start=EVEN, clusters=40, seeds=3):
    middle = Interval(0.5 * (low + high), low, high, seeds)
    return judge(middle, Ends(clean, under, dense, start), 0.02, clusters)


@pytest.mark.parametrize(
    ("found", "wanted"),
    [
        (verdict(-0.01, 0.019), "no more"),
        (verdict(0.001, 0.019), "no more"),  # more than 0, but within the margin
        (verdict(-0.01, 0.02), "undecided"),
        (verdict(0.0, 0.05), "undecided"),
        (verdict(0.001, 0.05), "more"),
        (verdict(-0.05, -0.001), "less"),
        (verdict(-0.05, -0.001, start=LOWER), "no more"),  # it has less to lose
        (verdict(-0.01, 0.01, under=CHANCE, dense=CHANCE), "nothing left"),
        (verdict(-0.05, -0.01, dense=CHANCE), "less"),  # it holds where dense does not
        (verdict(0.01, 0.05, under=CHANCE, dense=CHANCE), "more"),
        (verdict(0.01, 0.05, clean=CHANCE), "no basis"),
        (verdict(-0.01, 0.01, clean=CHANCE), "no basis"),
        (verdict(-0.01, 0.01, clusters=39), "undecided"),
        (verdict(0.01, 0.05, seeds=2), "undecided"),
    ],
)
def test_the_verdict_follows_from_the_intervals(found, wanted):
    assert found[0] == wanted


def test_an_uneven_start_is_told():
    assert "0.100 lower: it has less to lose" in verdict(-0.05, -0.001, start=LOWER)[1]
    assert "0.100 higher: it has more to lose" in verdict(0.01, 0.05, start=HIGHER)[1]
    assert "lose" not in verdict(-0.01, 0.01)[1]
    unknown = judge(Interval(0.1, None, None, 3), Ends(GOOD, GOOD, GOOD, EVEN), 0.02, 40)
    assert unknown == ("undecided", "the spread over test clusters is unknown: one class lies in one cluster")


def test_the_run_of_levels_that_hold_is_unbroken():
    assert up_to(["no more", "less", "more", "no more"]) == 1
    assert up_to(["undecided", "no more"]) is None
    assert up_to(["no more"]) == 0


def told(mean, low, high):
    return {"mean": mean, "low": low, "high": high, "n": 3}


def net(level, mean, single, lower=False):
    """A level of which the mean of all corruptions and one corruption say something: (verdict, lost more)."""

    def cost(verdict, lost_more):
        more = told(lost_more, lost_more - 0.01, lost_more + 0.01)
        return {"lost_more": more, "auc": told(0.5, 0.4, 0.6), "verdict": verdict, "reason": "so it is"}

    start = told(-0.1, -0.12, -0.08) if lower else told(0.0, -0.02, 0.02)
    return {
        "method": "imp",
        "level": level,
        "clean": {"auc": told(0.8, 0.7, 0.9), "minus_dense": start},
        "mean": cost(*mean),
        "corruptions": [{"name": "blur", "levels": [{"level": 2.0, **cost(*single)}]}],
        "attack": None,
    }


def test_the_words_follow_the_verdicts():
    levels = [net(0.6, ("no more", 0.0), ("no more", 0.0)), net(0.8, ("no more", 0.004), ("undecided", 0.01))]
    levels.append(net(0.9, ("more", 0.05), ("more", 0.07), lower=True))
    (found,) = findings({"attack": None}, levels, 0.02)
    assert found["up_to"] == 0.8
    assert found["average"] == (
        "Averaged over 1 corruptions, imp tickets of up to 80 % sparsity lose no more AUC than dense nets, within the "
        "margin of 0.02 (at 80 %: +0.004 [-0.006, +0.014]); at 90 % they lose more (+0.050 [+0.040, +0.060]: so it is). "
        "On pictures left alone some start below dense, and so have less to lose (90 %: -0.100 [-0.120, -0.080])."
    )
    assert found["single"] == (
        "Of 3 comparisons under one corruption each, 1 show no more loss than dense, 1 more, 1 neither. "
        "More: blur 2 at 90 % (+0.070 [+0.060, +0.080]); one in twenty may be so by chance."
    )
    assert headline([{"name": "faces", "findings": [found], "levels": levels}]) == found["average"]
    for verdict, lost in (("more", "more"), ("less", "no more"), ("nothing left", None)):
        cost = {"level": 1.0, "verdict": verdict, "lost_more": told(0.1, 0.05, 0.15)}
        attacked = [*levels[:-1], levels[-1] | {"attack": {"levels": [cost]}}]
        under = (
            f" Under a gradient attack of 1/255 those of 90 % lose {lost} (+0.100 [+0.050, +0.150])." if lost else ""
        )
        assert headline([{"name": "faces", "findings": [found], "levels": attacked}]) == found["average"] + under
    (open_,) = findings({"attack": None}, [net(0.6, ("undecided", 0.01), ("no more", 0.0))], 0.02)
    assert open_["up_to"] is None
    assert open_["average"] == (
        "Averaged over 1 corruptions, nothing is shown of imp tickets at 60 % sparsity "
        "(+0.010 [+0.000, +0.020]: so it is)."
    )
    both = [net(0.6, ("undecided", 0.01), ("no more", 0.0)), net(0.8, ("more", 0.05), ("no more", 0.0))]
    (worse,) = findings({"attack": None}, both, 0.02)
    assert worse["up_to"] is None
    assert "imp tickets at 80 % sparsity lose more AUC than dense nets (+0.050 [" in worse["average"]
    assert open_["single"].endswith("1 show no more loss than dense, none more, none neither.")
