"""The forgeries, one file each; importing this package registers them."""

from clew.datasets.synth.forgeries import reenact, swap

__all__ = ["reenact", "swap"]
