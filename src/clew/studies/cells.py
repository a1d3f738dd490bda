"""A study's cells: the search that each place of the grid stands for."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from clew.base.errors import ClewError
from clew.base.hashing import hash_file
from clew.datasets.store import CropStore, open_store
from clew.detectors.base import Config
from clew.detectors.build import resolve
from clew.studies.study import Dataset, Network, Study, Transfer
from clew.tickets.given import given_file
from clew.tickets.methods import methods
from clew.tickets.place import Place
from clew.tickets.runs import Rewind
from clew.tickets.settings import SearchSettings
from clew.training.blended import load_part
from clew.training.choices import Choices
from clew.training.data import method_classes
from clew.training.settings import TrainSettings

LADDERS, TRANSFERS = "ladders", "transfers"
MAGNITUDE = "magnitude"


@dataclass(frozen=True)
class Cell:
    """One search of a study: where in the grid, where on disk, and what is asked for.

    `source`: the dataset whose tickets are brought along, "" for a search of its own.
    """

    name: str
    dataset: str
    detector: str
    place: Place
    settings: SearchSettings
    source: str = ""

    @property
    def key(self) -> tuple[str, str, str, str, str]:
        """Its place in the grid."""
        return self.dataset, self.detector, self.settings.scope, self.settings.rewind, self.settings.score


def cells(study: Study, out: Path, choices: Mapping[str, Choices]) -> list[Cell]:
    """The searches of the grid in a fixed order; `choices` by the detector's name. Raises ClewError naming a cell."""
    opened = {one.name: _stores(study, one) for one in study.datasets}
    _check_elsewhere(study, opened)
    configs: dict[tuple[str, tuple[str, ...]], Config] = {}  # a large network takes a while to build
    found = []
    grid = itertools.product(study.datasets, study.detectors, study.scopes, study.rewinds, study.scores)
    for dataset, detector, scope, rewind, score in grid:
        name = f"{dataset.name}/{detector.name}-{scope}-{rewind.replace(':', '')}"
        name += "" if score == MAGNITUDE else f"-{score}"
        try:
            classes = method_classes(opened[dataset.name], dataset.fakes) if study.classes == "method" else ()
            if (detector.name, classes) not in configs:
                configs[detector.name, classes] = config_of(study, detector, classes)
            settings = _settings(study, dataset, detector, configs[detector.name, classes], choices[detector.name])
            settings = replace(settings, scope=scope, score=score, rewind=rewind, methods=usable(study, rewind))
            settings = replace(settings, classes=classes)
        except ClewError as error:
            raise study.wrong(("detectors", detector.name), str(error)) from None
        weights = None if detector.start is None else given_file(detector.start).resolve()
        stores = tuple(path.resolve() for path in dataset.stores)
        place = Place((out / LADDERS / name).resolve(), stores, weights)
        found.append(Cell(name, dataset.name, detector.name, place, settings))
    return found


def config_of(study: Study, network: Network, classes: tuple[str, ...] = ()) -> Config:
    """The network of a study's detector with what its options settle; raises ClewError for wrong ones."""
    return resolve(network.detector, network.size, len(classes) or 2, network.options)


def training_of(study: Study, network: Network) -> TrainSettings:
    """How a study's detector is trained; raises ClewError for values out of range."""
    return TrainSettings(**{**study.training, **network.training})


def usable(study: Study, rewind: str) -> tuple[str, ...]:
    """The study's methods that this rewind allows: where weights go on, comparing starts means nothing."""
    goes_on = Rewind.parse(rewind).goes_on
    return tuple(sorted(name for name in study.methods if not (goes_on and methods.get(name).needs_rewind)))


def _check_elsewhere(study: Study, opened: Mapping[str, list[CropStore]]) -> None:
    """Raises ClewError for a transfer between two names of the same data."""
    by_name = {one.name: one for one in study.datasets}
    for transfer in study.transfers:
        ends = [
            (sorted(store.hash for store in opened[name]), sorted(set(by_name[name].fakes)))
            for name in (transfer.source, transfer.target)
        ]
        if ends[0] == ends[1]:
            raise study.wrong(("transfers",), f"{transfer.source} and {transfer.target} are the same data.")


def _stores(study: Study, dataset: Dataset) -> list[CropStore]:
    """The stores of a dataset; raises ClewError where one is none, or a split is empty or of one class."""
    try:
        found = [open_store(path) for path in dataset.stores]
        for split in ("train", "val", "test"):
            load_part(found, split, bool(study.training.get("blend")), fakes=tuple(sorted(set(dataset.fakes))))
    except ClewError as error:
        raise study.wrong(("datasets", dataset.name), str(error)) from None
    return found


def _settings(study: Study, dataset: Dataset, network: Network, config: Config, choices: Choices) -> SearchSettings:
    return SearchSettings(
        detector=config,
        methods=("imp",),
        levels=study.levels,
        seeds=tuple(range(study.first_seed, study.first_seed + study.seeds)),
        margin=study.margin,
        start="" if network.start is None else hash_file(given_file(network.start)),
        fakes=tuple(sorted(set(dataset.fakes))),
        fpr=study.fpr,
        training=training_of(study, network),
        choices=choices,
    )


def pairs(study: Study, grid: list[Cell]) -> Iterator[tuple[Transfer, Cell, Cell]]:
    """The transfers of a study with the cells they lead from and to; cells that are not rewound take no part."""
    by_key = {cell.key: cell for cell in grid}
    for transfer, cell in itertools.product(study.transfers, grid):
        if cell.dataset != transfer.source or Rewind.parse(cell.settings.rewind).goes_on:
            continue
        yield transfer, cell, by_key[(transfer.target, *cell.key[1:])]


def transfer_name(source: Cell, target: Cell) -> str:
    """Where a transfer lies in the study's folder, below TRANSFERS."""
    return f"{source.dataset}-to-{target.name}"


def as_dict(cell: Cell) -> dict[str, Any]:
    """A cell's place in the grid for JSON."""
    dataset, detector, scope, rewind, score = cell.key
    return {
        "name": cell.name,
        "dataset": dataset,
        "detector": detector,
        "scope": scope,
        "rewind": rewind,
        "score": score,
        "from": cell.source,
    }
