"""Self-blended fakes: forgeries made of real faces alone."""

from clew.datasets.blending.blend import Blended, self_blend
from clew.datasets.blending.settings import BlendSettings

__all__ = ["BlendSettings", "Blended", "self_blend"]
