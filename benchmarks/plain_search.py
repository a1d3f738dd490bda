"""Iterative magnitude pruning as most public code does it: a plain loop on torch.nn.utils.prune, over PNG files."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import nn
from torch.nn.utils import prune

from clew.base.hashing import stable_seed
from clew.detectors import initial_state
from clew.detectors.base import Config
from clew.detectors.build import network
from clew.detectors.layers import prunable
from clew.training.data import Samples
from clew.training.metrics import auc
from clew.training.schedule import SCHEDULES
from clew.training.score import fake_probability
from clew.training.settings import TrainSettings

Scores = dict[tuple[float, int], np.ndarray]  # level and seed -> the test part's probabilities of fake (N,)


class Pictures(torch.utils.data.Dataset):
    """PNG files, as public code reads them: PIL, resized, a flip where asked, a float tensor."""

    def __init__(self, files: list[Path], labels: np.ndarray, size: int, flips: bool) -> None:
        self.files, self.labels, self.size, self.flips = files, labels, size, flips

    def __len__(self) -> int:
        return len(self.files)

    def __getitem__(self, index: int) -> tuple[torch.Tensor, int]:
        with Image.open(self.files[index]) as picture:
            sized = picture.convert("RGB").resize((self.size, self.size), Image.Resampling.BILINEAR)
        image = torch.from_numpy(np.array(sized)).permute(2, 0, 1).float().div(255)
        return image.flip(2) if self.flips and torch.rand(()) < 0.5 else image, int(self.labels[index])


class Plain:
    """Iterative magnitude pruning of one seed as a loop of one's own does it."""

    def __init__(
        self,
        config: Config,
        settings: TrainSettings,
        splits: Mapping[str, Samples],
        files: Mapping[str, list[Path]],
        workers: int,
    ) -> None:
        self.config, self.settings, self.splits = config, settings, splits

        def loader(split: str, training: bool) -> torch.utils.data.DataLoader:
            data = Pictures(files[split], splits[split].labels, config.input_size, training)
            return torch.utils.data.DataLoader(
                data, settings.batch_size, shuffle=training, drop_last=training, num_workers=workers
            )

        self.loaders = {split: loader(split, split == "train") for split in splits}

    def search(self, seed: int, levels: tuple[float, ...]) -> Scores:
        """Trains the dense net, then prunes, rewinds and trains for every level; the test scores of each."""
        torch.manual_seed(seed)
        module = network(self.config)
        first = initial_state(self.config, stable_seed("init", seed))
        module.load_state_dict(first)
        places = [(module.get_submodule(n.rpartition(".")[0]), n.rpartition(".")[2]) for n in prunable(module)]
        total, gone = sum(getattr(*place).numel() for place in places), 0
        found = {(0.0, seed): self.trained(module)}
        for level in levels:
            more = round(level * total) - gone
            prune.global_unstructured(places, pruning_method=prune.L1Unstructured, amount=more)
            gone += more
            rewind(module, first)
            found[level, seed] = self.trained(module)
        return found

    def trained(self, module: nn.Module) -> np.ndarray:
        """Trains the network as it stands, and scores the test part with the best epoch's weights."""
        optimiser = torch.optim.Adam(module.parameters(), lr=self.settings.lr)
        total, step, best, kept = self.settings.epochs * len(self.loaders["train"]), 0, -1.0, {}
        for _ in range(self.settings.epochs):
            module.train()
            for images, labels in self.loaders["train"]:
                for group in optimiser.param_groups:
                    group["lr"] = self.settings.lr * SCHEDULES[self.settings.schedule](step, total)
                loss = nn.functional.cross_entropy(module(images), labels)
                optimiser.zero_grad()
                loss.backward()
                optimiser.step()
                loss.item()
                step += 1
            score = auc(self.splits["val"].labels, self.scores(module, "val"))
            if score > best:
                best, kept = score, {name: tensor.clone() for name, tensor in module.state_dict().items()}
        module.load_state_dict(kept)
        return self.scores(module, "test")

    def scores(self, module: nn.Module, split: str) -> np.ndarray:
        """The probability of fake of every picture of a split (N,)."""
        module.eval()
        with torch.no_grad():
            logits = [module(images) for images, _ in self.loaders[split]]
        return fake_probability(torch.cat(logits).numpy())


def rewind(module: nn.Module, first: Mapping[str, torch.Tensor]) -> None:
    """Copies the first weights and buffers back under the names that pruning has given them."""
    with torch.no_grad():
        for name, tensor in module.state_dict().items():
            if not name.endswith("_mask"):
                tensor.copy_(first[name.removesuffix("_orig")])
