"""Augmentation: one file per kind of change, each registered under the name that `--augment` takes."""

import sys

from clew.base.registry import import_all
from clew.training.augmentations.base import Mix, augmentations
from clew.training.augmentations.spec import Augmentation, parse_augmentation

import_all(sys.modules[__name__])

__all__ = ["Augmentation", "Mix", "augmentations", "parse_augmentation"]
