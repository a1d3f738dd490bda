"""A study's YAML file: every key checked, every error with its line."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from clew.base.errors import ClewError
from clew.studies.study import Dataset, Network, Study, Transfer
from clew.studies.yaml_file import Part, read_yaml
from clew.tickets.settings import rounds_to_levels
from clew.training.choices import Wishes
from clew.training.settings import TrainSettings

LISTS = ("methods", "scopes", "rewinds", "scores")
PLAIN: dict[str, type] = {"about": str, "seeds": int, "first_seed": int, "margin": float, "fpr": float, "classes": str}
WISHES: dict[str, type] = {
    "precision": str, "memory_format": str, "threads": int, "device": str, "devices": int, "compile": str
}  # fmt: skip
OTHERS = ("name", "datasets", "detectors", "sparsity", "rounds", "fraction", "training", "transfers")
KEYS = (*OTHERS, *LISTS, *PLAIN, *WISHES)
TRAINING = {key: type(value) for key, value in TrainSettings().as_dict().items()}


def read_study(path: Path) -> Study:
    """The study in a YAML file; the stores' paths count from the file's folder.

    Raises ClewError naming the file, the line and the key for what is missing, unknown, of the wrong kind or there
    twice.
    """
    whole = read_yaml(path)
    if not isinstance(whole.value, dict):
        raise ClewError(f"{path}: expected keys and values (name, datasets, detectors, ...); see examples/studies.")
    found, folder = whole.table(KEYS), path.resolve().parent
    for key in ("name", "datasets", "detectors"):
        if key not in found:
            raise whole.error(f"'{key}' is missing; see examples/studies.")
    more: dict[str, Any] = {key: found[key].texts() for key in LISTS if key in found}
    more |= {key: found[key].of(kind) for key, kind in PLAIN.items() if key in found}
    if "transfers" in found:
        more["transfers"] = tuple(one for part in found["transfers"].items() for one in _transfers(part))
    return Study(
        name=found["name"].of(str),
        datasets=tuple(_dataset(name, part, folder) for name, part in found["datasets"].table().items()),
        detectors=tuple(_network(name, part, folder) for name, part in found["detectors"].table().items()),
        training=_training(found["training"]) if "training" in found else {},
        wishes=_wishes(found, whole),
        places=whole.places,
        **_levels(found),
        **more,
    )


def _wishes(found: dict[str, Part], whole: Part) -> Wishes:
    wishes: dict[str, Any] = {"threads": 1}
    for key, kind in WISHES.items():
        if key in found:
            wishes[key] = found[key].of(kind)
            try:
                Wishes(**wishes)
            except ClewError as error:
                raise found[key].error(str(error)) from None
    return Wishes(**wishes)


def _levels(found: dict[str, Part]) -> dict[str, Any]:
    if "sparsity" in found:
        for key in ("rounds", "fraction"):
            if key in found:
                raise found[key].error("'sparsity' and 'rounds' exclude each other: give one of them.")
        return {"levels": found["sparsity"].numbers()}
    if "rounds" in found:
        fraction = found["fraction"].of(float) if "fraction" in found else 0.2
        try:
            return {"levels": rounds_to_levels(found["rounds"].of(int), fraction)}
        except ClewError as error:
            raise found["rounds"].error(str(error)) from None
    if "fraction" in found:
        raise found["fraction"].error("it needs 'rounds'.")
    return {}


def _dataset(name: str, part: Part, folder: Path) -> Dataset:
    if isinstance(part.value, str | list):
        stores = part.texts()
        fakes: tuple[str, ...] = ()
    else:
        found = part.table(("stores", "fakes"))
        if "stores" not in found:
            raise part.error("'stores' is missing: the folder of a crop store, or a list of them.")
        stores = found["stores"].texts()
        fakes = found["fakes"].texts() if "fakes" in found else ()
    try:
        return Dataset(name, tuple(_path(one, folder) for one in stores), fakes)
    except ClewError as error:
        raise part.error(str(error)) from None


def _network(name: str, part: Part, folder: Path) -> Network:
    found = part.table(("detector", "size", "options", "training", "from")) if part.value is not None else {}
    options = found["options"].table() if "options" in found else {}
    try:
        return Network(
            name,
            found["detector"].of(str) if "detector" in found else name,
            found["size"].of(int) if "size" in found else None,
            {key: value.scalar() for key, value in options.items()},
            _training(found["training"]) if "training" in found else {},
            _path(found["from"].of(str), folder) if "from" in found else None,
        )
    except ClewError as error:
        raise error if str(error).startswith(part.places[()]) else part.error(str(error)) from None


def _training(part: Part) -> dict[str, Any]:
    found = {key: value.of(TRAINING[key]) for key, value in part.table(tuple(TRAINING)).items()}
    for key, value in found.items():
        try:
            TrainSettings(**{key: value})
        except ClewError as error:
            raise part.table()[key].error(str(error)) from None
    return found


def _transfers(part: Part) -> list[Transfer]:
    found = part.table(("from", "to", "sparsity", "weights"))
    for key in ("from", "to"):
        if key not in found:
            raise part.error(f"'{key}' is missing: the name of a dataset.")
    more: dict[str, Any] = {"levels": found["sparsity"].numbers()} if "sparsity" in found else {}
    more |= {"weights": found["weights"].texts()} if "weights" in found else {}
    pairs = [(a, b) for a in found["from"].texts() for b in found["to"].texts()]
    several = len(pairs) > 1  # from a list to a list: a dataset in both is not moved onto itself
    try:
        return [Transfer(a, b, **more) for a, b in pairs if not (several and a == b)]
    except ClewError as error:
        raise part.error(str(error)) from None


def _path(text: str, folder: Path) -> Path:
    path = Path(text).expanduser()
    return path if path.is_absolute() else folder / path
