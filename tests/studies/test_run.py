"""Studies on drawn stores: every training done once, ladders as a search of their own would write them."""

import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from clew.base.errors import ClewError
from clew.base.files import read_json
from clew.studies.cells import cells
from clew.studies.collect import collect
from clew.studies.run import count_trainings, run_study
from clew.studies.sharing import leave_points, share
from clew.studies.study import Dataset, Network, Study, Transfer
from clew.tickets.adopt import adopt
from clew.tickets.ladder import open_ladder
from clew.tickets.one_run import CHECKPOINT
from clew.tickets.runs import Run
from clew.tickets.search import begun, search
from clew.tickets.ticket import load_ticket
from clew.training.choices import Choices, Wishes
from method_stores import Inline, write_store

TRAINING = {"epochs": 2, "batch_size": 16, "lr": 3e-3, "augment": "none"}
WISHES = Wishes("fp32", "contiguous", 1, "cpu")
VOLATILE = ("run.json", ".lock")


class Counting(Inline):
    """Runs jobs here and remembers which."""

    def __init__(self):
        self.calls = []

    def run(self, jobs, *rest, **named):
        self.calls += [(job.name, job.function.__name__) for job in jobs]
        return super().run(jobs, *rest, **named)


@pytest.fixture(scope="module")
def stores(tmp_path_factory):
    root = tmp_path_factory.mktemp("study-stores")
    return {name: write_store(root / name, seed=seed).path for seed, name in enumerate(("here", "there"))}


def make(stores, **changes):
    datasets = tuple(Dataset(name, (path,)) for name, path in stores.items())
    found = Study(
        "tiny", datasets, (Network("meso4", "meso4", 32),),
        methods=("imp", "one-shot", "random"), levels=(0.5, 0.8), seeds=1, training=TRAINING, wishes=WISHES,
    )  # fmt: skip
    return replace(found, **changes)


def content(folder: Path):
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.name not in VOLATILE
    }


@pytest.fixture(scope="module")
def grid(stores, tmp_path_factory):
    """A study of scopes and rewinds on one store: the study, its folder, and what was run."""
    study = make({"here": stores["here"]}, scopes=("global", "local"), rewinds=("init", "step:2", "lr"), levels=(0.8,))
    out, executor = tmp_path_factory.mktemp("grid") / "study", Counting()
    result = run_study(study, out, executor=executor)
    return study, out, executor, result


def test_a_dense_net_is_trained_once_for_all_scopes_and_rewinds(grid):
    _, out, executor, result = grid
    assert result.complete
    assert len(result.finished) == 6
    trained = [name for name, function in executor.calls if function == "do_run"]
    assert [name for name in trained if name.endswith("dense-s0")] == ["here/meso4-global-init/dense-s0"]
    assert len(trained) == count_trainings(result.cells)
    taken = [name for name, function in executor.calls if function == "adopt"]
    assert len(taken) == 5
    assert not list(out.rglob("unfinished"))


def test_each_ladder_is_what_a_search_of_its_own_writes(grid, tmp_path):
    result = grid[-1]
    for cell in result.cells:
        if cell.settings.rewind == "lr" and cell.settings.scope == "local":
            continue  # for time
        own = tmp_path / cell.name.replace("/", "-")
        search(cell.place.stores, cell.settings, own, executor=Inline())
        assert content(own) == content(cell.place.ladder), cell.name


def test_a_finished_study_trains_nothing_again_and_may_grow(grid, stores, fresh_copy):
    study, out, _, _ = grid
    copy, executor = fresh_copy(out), Counting()
    before = content(copy)
    assert run_study(study, copy, executor=executor).complete
    assert executor.calls == []
    assert content(copy) == before
    more = replace(study, rewinds=("init", "step:2", "lr", "step:3"), scopes=("global",))
    assert run_study(more, copy, executor=executor).complete
    trained = [name for name, function in executor.calls if function == "do_run"]
    assert "here/meso4-global-step3/dense-s0" in trained, "nobody left the state of step 3: it is trained again"
    assert all("step3" in name for name in trained)
    other = search([stores["here"]], replace(cells(more, copy, CHOICES)[3].settings), copy / "own", executor=Inline())
    assert content(other.path) == content(copy / "ladders/here/meso4-global-step3")


CHOICES = {"meso4": Choices()}


def test_transfers_take_the_targets_own_runs_over(stores, tmp_path):
    study = make(stores, transfers=(Transfer("here", "there", (0.8,), ("rewound",)),))
    executor = Counting()
    result = run_study(study, tmp_path / "study", executor=executor)
    assert result.complete
    assert result.cells[-1].name == "here-to-there/meso4-global-init"
    moved = [(n, f) for n, f in executor.calls if n.startswith("here-to-there")]
    trained = {name.split("/")[-1] for name, function in moved if function == "do_run"}
    assert trained == {
        "moved-imp-s0-80", "moved-one-shot-s0-80", "random-of-moved-imp-s0-80", "random-of-moved-one-shot-s0-80",
        "zero-shot-dense-s0-0", "zero-shot-imp-s0-80", "zero-shot-one-shot-s0-80",
    }  # fmt: skip
    ladder = open_ladder(result.cells[-1].place.ladder)
    own = open_ladder(result.cells[1].place.ladder)
    assert ladder.settings["origin"]["data"] == "here"
    for name in ("dense-s0", "imp-s0-80"):
        assert (ladder.path / f"tickets/{name}.safetensors").read_bytes() == (
            own.path / f"tickets/{name}.safetensors"
        ).read_bytes()
    there = open_ladder(result.cells[0].place.ladder).ticket("imp", 0.8, 0)
    here = load_ticket(ladder.path / "tickets/moved-imp-s0-80.safetensors")
    assert all((here.mask[name] == kept).all() for name, kept in there.mask.items())
    seconds = read_json(ladder.path / "run.json")["seconds"]
    assert seconds["dense-s0"] == read_json(own.path / "run.json")["seconds"]["dense-s0"] > 0
    growing = Counting()
    again = run_study(replace(study, margin=0.03), tmp_path / "study", executor=growing)
    assert again.complete, "a study with transfers may grow"
    assert growing.calls == []
    found = collect(replace(study, margin=0.03), tmp_path / "study")
    assert [one["from"] for one in found["transfers"]] == ["here"]
    with pytest.raises(ClewError, match="no search of this study is finished"):
        collect(replace(study, seeds=2), tmp_path / "study")
    with pytest.raises(ClewError, match="here/meso4-global-init: .* is of another search, its training differs"):
        collect(replace(study, training={**TRAINING, "epochs": 3}), tmp_path / "study")


def test_a_dense_net_that_was_begun_before_leaves_no_point_for_a_later_rewind(stores, tmp_path):
    """It may be past step 2 already, and its own rewind point is another: the new cell trains its own."""
    study = make({"here": stores["here"]}, rewinds=("init", "step:2"))
    grid = {cell.name: cell for cell in leave_points(cells(study, tmp_path, CHOICES))}
    first, second = grid.values()
    assert first.place.points == ((2, second.place.ladder),)
    for planted, function in ((False, "adopt"), (True, "do_run")):
        if planted:
            checkpoint = first.place.part("dense-s0", CHECKPOINT)
            checkpoint.parent.mkdir(parents=True)
            checkpoint.touch()
        with begun(first.place, first.settings, "") as one, begun(second.place, second.settings, "") as two:
            jobs = {job.name: job for job in share({first.name: one, second.name: two}, grid, {}).jobs}
        assert jobs[f"{second.name}/dense-s0"].function.__name__ == function
    with pytest.raises(ClewError, match="left no state of step 2"):
        adopt(second.place, second.settings, Run("dense-s0", "dense", 0), first.place.ladder, print)


class Failing(Inline):
    """Fails one job, as a training whose loss is no number would."""

    def run(self, jobs, *rest, **named):
        spoilt = [replace(j, function=fail, args=()) if j.name.endswith(self.name) else j for j in jobs]
        return super().run(spoilt, *rest, **named)


def fail(report):
    raise ClewError("the loss is no longer a number.")


def test_what_fails_stops_what_needs_it_alone_and_the_same_study_goes_on(stores, tmp_path):
    study = make(stores, methods=("imp", "random"))
    executor = Failing()
    executor.name = "there/meso4-global-init/imp-s0-50"
    result = run_study(study, tmp_path / "study", executor=executor)
    assert not result.complete
    assert result.finished == ["here/meso4-global-init"]
    assert list(result.errors) == ["there/meso4-global-init/imp-s0-50"]
    assert set(result.skipped) >= {"there/meso4-global-init/imp-s0-80"}
    counting = Counting()
    assert run_study(study, tmp_path / "study", executor=counting).complete
    assert "there/meso4-global-init/dense-s0" not in dict(counting.calls)
    assert run_study(study, tmp_path / "whole", executor=Inline()).complete
    assert content(tmp_path / "study") == content(tmp_path / "whole")


def test_a_folder_with_something_else_is_left_alone(stores, tmp_path):
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(ClewError, match="holds something else than a study"):
        run_study(make(stores), tmp_path, executor=Inline())
    assert [path.name for path in tmp_path.iterdir()] == ["notes.txt"]


def test_what_cannot_work_is_told_before_any_training(stores, tmp_path):
    """Also what only the data can tell: no such store or method, a split that is empty or of one class."""
    reals = write_store(tmp_path / "reals", methods=("real",)).path
    no_test = write_store(tmp_path / "no-test", videos={"train": 6, "val": 4}).path
    executor = Counting()
    one_method = Dataset("here", (stores["here"],), ("Deepfakes",))
    for study, why in (
        (make({"gone": tmp_path / "gone"}), "datasets: gone: .*gone"),
        (make({"reals": reals}), "datasets: reals: .*the split 'train' holds reals only"),
        (make({"short": no_test}), "datasets: short: .*no usable samples in the split 'test'"),
        (make(stores, datasets=(one_method,)), "datasets: here: .*Known: Grid .*, Stripes"),
        (
            make({"one": stores["here"], "other": stores["here"]}, transfers=(Transfer("one", "other"),)),
            "transfers: one and other are the same data",
        ),
        (make(stores, rewinds=("step:9999",)), "here/meso4-global-step9999: --rewind step:9999: a training has"),
        (make(stores, detectors=(Network("m", "meso5", 32),)), "detectors: m: unknown detector 'meso5'. .*Known: cnn5"),
        (make(stores, training={**TRAINING, "lr": -1.0}), "detectors: meso4: --lr -1.0: expected"),
    ):
        with pytest.raises(ClewError, match=why):
            run_study(study, tmp_path / "study", executor=executor)
    assert executor.calls == []


def test_a_ladder_of_another_detector_in_its_place_is_refused(grid, stores, tmp_path):
    study, out = grid[:2]
    copy = tmp_path / "study"
    shutil.copytree(out, copy)
    executor = Counting()
    with pytest.raises(ClewError, match="here/meso4-global-init: .*is the ladder of another search: its detector is"):
        run_study(replace(study, detectors=(Network("meso4", "mesoinception4", 32),)), copy, executor=executor)
    assert executor.calls == []
