import pytest

from clew.base.errors import ClewError
from clew.detectors.base import Config
from clew.tickets.plan import plan
from clew.tickets.runs import Rewind, level_name
from clew.tickets.settings import SearchSettings, rounds_to_levels

CONFIG = Config("cnn5", 32)


def planned(**changes):
    changes = {"levels": (0.5, 0.8), "seeds": (0,), **changes}
    runs, entries = plan(SearchSettings(CONFIG, **changes))
    return {run.id: run for run in runs}, {(e.method, e.controls, e.level): e.run for e in entries}


def test_imp_prunes_what_the_level_before_trained_and_one_shot_the_dense_net():
    runs, entries = planned()
    assert runs["imp-s0-50"].mask_from == "dense-s0"
    assert runs["imp-s0-80"].mask_from == "imp-s0-50"
    assert runs["one-shot-s0-80"].mask_from == "dense-s0"
    assert all(run.weights_from == "" for run in runs.values()), "rewound: nothing goes on"
    assert entries["one-shot", "", 0.5] == entries["imp", "", 0.5] == "imp-s0-50", "the same run, trained once"
    assert "one-shot-s0-50" not in runs


def test_every_ticket_has_its_control_and_shared_runs_share_it():
    runs, entries = planned()
    assert runs["random-of-imp-s0-80"].mask_from == "imp-s0-80"
    assert entries["random", "one-shot", 0.8] == "random-of-one-shot-s0-80"
    assert entries["random", "one-shot", 0.5] == entries["random", "imp", 0.5] == "random-of-imp-s0-50"
    assert len(runs) == 7


def test_with_a_threshold_per_layer_one_control_serves_all_methods():
    runs, entries = planned(scope="local")
    assert entries["random", "one-shot", 0.8] == entries["random", "imp", 0.8] == "random-of-imp-s0-80"
    assert len(runs) == 6


def test_where_weights_go_on_the_dense_net_trains_on_as_long():
    runs, entries = planned(rewind="none")
    assert runs["imp-s0-80"].weights_from == "imp-s0-50"
    assert runs["one-shot-s0-80"].weights_from == "dense-s0"
    assert entries["dense", "imp", 0.5] == "dense-s0-plus1"
    assert entries["dense", "imp", 0.8] == "dense-s0-plus2"
    assert entries["dense", "one-shot", 0.8] == "dense-s0-plus1"
    assert runs["dense-s0-plus2"].weights_from == "dense-s0-plus1"
    assert runs["random-of-imp-s0-80"].weights_from == "random-of-imp-s0-50", "as many trainings as its ticket"
    assert runs["random-of-one-shot-s0-80"].weights_from == "dense-s0"


@pytest.mark.parametrize("rewind", ["init", "step:3", "none"])
def test_every_run_comes_after_what_it_needs(rewind):
    runs, _ = plan(SearchSettings(CONFIG, rewind=rewind, seeds=(0, 4)))
    done = set()
    for run in runs:
        assert set(run.after) <= done | {r.id for r in runs if r.method == "dense"}, run
        done.add(run.id)


def test_no_methods_is_a_plain_training():
    runs, entries = planned(methods=())
    assert list(runs) == ["dense-s0"]
    assert list(entries) == [("dense", "", 0.0)]


def test_rounds_and_fraction():
    levels = rounds_to_levels(8, 0.2)
    assert [round(100 * level, 1) for level in levels] == [20.0, 36.0, 48.8, 59.0, 67.2, 73.8, 79.0, 83.2]
    assert [level_name(level) for level in levels[-2:]] == ["79.0285", "83.2228"]
    assert level_name(0.8) == "80"
    with pytest.raises(ClewError, match="--rounds 0"):
        rounds_to_levels(0, 0.2)


def test_rewinds():
    assert Rewind.parse("step:12") == Rewind("step", 12)
    assert [str(Rewind.parse(text)) for text in ("none", "init", "step:3")] == ["none", "init", "step:3"]
    for text in ("step", "step:", "step:0", "step:-1", "step:x", "init:3", "early", "step:²"):
        with pytest.raises(ClewError, match="Known: none, init, step:K"):
            Rewind.parse(text)


@pytest.mark.parametrize(
    ("wrong", "why"),
    [
        ({"methods": ("imp", "lucky")}, "unknown method 'lucky'. Known: .*imp, .*one-shot, random"),
        ({"methods": ("random",)}, "a control needs a method"),
        ({"methods": ("imp", "imp")}, "named twice"),
        ({"scope": "layer"}, "unknown scope"),
        ({"rewind": "late"}, "unknown rewind"),
        ({"levels": (0.5, 0.5)}, "must rise"),
        ({"levels": (0.5, 1.0)}, "between 0 and 1"),
        ({"levels": (20.0, 40.0)}, "between 0 and 1"),
        ({"levels": ()}, "between 0 and 1"),
        ({"seeds": ()}, "at least one seed"),
        ({"margin": 0.0}, "--margin 0.0"),
    ],
)
def test_settings_are_checked_before_any_work(wrong, why):
    with pytest.raises(ClewError, match=why):
        SearchSettings(CONFIG, **wrong)


def test_settings_round_trip():
    import json

    settings = SearchSettings(CONFIG, levels=rounds_to_levels(4, 0.2), rewind="step:7")
    assert SearchSettings.from_dict(json.loads(json.dumps(settings.as_dict()))) == settings
