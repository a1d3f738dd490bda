"""Somebody else's weights: Keras .h5, .pth and .safetensors files read with care, made to fit a network."""

from clew.training.importing.reading import Foreign, read_weights

__all__ = ["Foreign", "read_weights"]
