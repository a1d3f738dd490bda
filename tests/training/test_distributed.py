"""Two processes train one network."""

import numpy as np
import pytest
import torch

from clew.base.errors import ClewError
from clew.datasets.store import open_store
from clew.detectors import initial_state
from clew.detectors.base import Config
from clew.training import loop
from clew.training.choices import Choices
from clew.training.data import load_split
from clew.training.fabric import gather, make_fabric, spread
from clew.training.gradients import Gradients
from clew.training.loop import Start, train
from clew.training.settings import TrainSettings

CONFIG, PLAIN = Config("meso4", 32), Config("spare_net:Spare", 32)
SETTINGS = TrainSettings(epochs=3, batch_size=16, lr=3e-3, augment="flip", accumulate=2)
# 80 pictures in one step of 27, 27 and 26, which two processes take as 14 and 13
UNEVEN = TrainSettings(epochs=3, batch_size=30, accumulate=3, lr=1e-2, augment="none", select=False)


@pytest.fixture(autouse=True)
def spare_net(tmp_path, monkeypatch):
    """A network without BatchNorm, some of whose weights are never used."""
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "spare_net.py").write_text(
        "from torch import nn\nfrom clew.detectors import Detector, Facts\n"
        "class Spare(Detector):\n"
        "    facts = Facts(input_size=32, multiple=1, cam_layer='pool')\n    width = 192\n"
        "    def __init__(self, input_size, classes=2):\n"
        "        super().__init__(input_size, classes)\n"
        "        self.pool = nn.AdaptiveAvgPool2d(8)\n        self.spare = nn.Linear(3, 3)\n"
        "        self.head = nn.Linear(192, classes)\n"
        "    def features(self, images):\n        return self.pool(images).flatten(1)\n"
    )


def parts_of(store_path):
    return [load_split([open_store(store_path)], split) for split in ("train", "val")]


class StoppedError(Exception):
    pass


def several_trainings(fabric, store_path, folder, report):
    """What each of the processes does: trainings, one of them stopped and taken up again."""
    torch.set_num_threads(1)
    parts, choices = parts_of(store_path), Choices(devices=2)
    uneven = train(PLAIN, UNEVEN, choices, Start(initial_state(PLAIN, 0)), *parts, seed=0, fabric=fabric)
    start, left = Start(initial_state(CONFIG, 0)), 5

    def stop(steps, note):
        nonlocal left
        left -= steps
        if not left:
            raise StoppedError

    whole = train(CONFIG, SETTINGS, choices, start, *parts, seed=0, fabric=fabric, report=report)
    loop.CHECKPOINT_SECONDS = -1.0
    more = {"seed": 0, "fabric": fabric, "checkpoint": folder / "x.checkpoint"}
    try:
        train(CONFIG, SETTINGS, choices, start, *parts, **more, report=stop)
    except StoppedError:
        torch.distributed.barrier()
    assert (folder / "x.checkpoint").exists()
    again = train(CONFIG, SETTINGS, choices, start, *parts, **more)
    mine = [({n: t.numpy() for n, t in found.state.items()}, found.history) for found in (uneven, whole, again)]
    return gather(fabric, mine)


def test_two_processes_train_one_network_agree_and_go_on_bit_for_bit(store_path, tmp_path, capfd):
    told = []
    first, second = spread(
        Choices(devices=2), several_trainings, store_path, tmp_path, report=lambda steps, note: told.append(note)
    )
    assert capfd.readouterr() == ("", ""), "nothing of what the libraries have to say"
    assert told
    for (one, history), (other, rows) in zip(first, second, strict=True):
        assert history == rows
        assert all(np.array_equal(one[name], other[name]) for name in one), "all processes hold the same weights"
    (uneven, rows), (whole, history), (again, resumed) = first
    assert all(np.array_equal(whole[name], again[name]) for name in whole)
    assert history == resumed
    parts = parts_of(store_path)
    alone = train(PLAIN, UNEVEN, Choices(), Start(initial_state(PLAIN, 0)), *parts, seed=0)
    at_once = train(
        PLAIN,
        TrainSettings(epochs=3, batch_size=80, lr=1e-2, augment="none", select=False),
        Choices(),
        Start(initial_state(PLAIN, 0)),
        *parts,
        seed=0,
    )
    for name, tensor in at_once.state.items():
        assert torch.allclose(tensor, alone.state[name], atol=1e-6), "each picture of uneven batches counts the same"
        assert torch.allclose(tensor, torch.from_numpy(uneven[name]), atol=1e-6), "and those of uneven shares"
    for row, expected in zip(rows, at_once.history, strict=True):
        assert row == pytest.approx(expected, abs=1e-5)
    assert history[-1]["loss"] < history[0]["loss"]


def broken_training(fabric, report):
    if fabric.global_rank:
        torch.distributed.barrier()
    raise ClewError("the disk is full.")


def test_an_error_of_one_process_is_told_while_the_other_waits_for_it():
    with pytest.raises(ClewError, match=r"^the disk is full\.$"):
        spread(Choices(devices=2), broken_training)


def test_other_launchers_variables_are_not_asked(monkeypatch):
    for name, value in {"LOCAL_RANK": "1", "RANK": "1", "WORLD_SIZE": "4", "TORCHELASTIC_RUN_ID": "x"}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("SLURM_NTASKS", "4")
    monkeypatch.setenv("SLURM_JOB_NAME", "training")
    fabric = make_fabric(Choices())
    assert (fabric.global_rank, fabric.world_size, fabric.is_global_zero) == (0, 1, True)
    assert spread(Choices(), lambda fabric, number, report: number + 1, 2) == 3


def test_too_small_shares_and_too_few_gpus_are_refused_in_words():
    settings = TrainSettings(batch_size=16, accumulate=2)

    class Four:
        world_size, global_rank = 4, 0

    with pytest.raises(ClewError, match="--devices 4: a batch of 7 pictures gives a process fewer than 2"):
        Gradients(None, settings, Choices(devices=4), Four(), samples=7, seed=0)
    if torch.cuda.device_count() < 9:
        with pytest.raises(ClewError, match="--device cuda --devices 9: torch finds"):
            spread(Choices(device="cuda", devices=9), broken_training)
