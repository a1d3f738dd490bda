"""Networks that tell real from fake, one file each in `nets`, registered with their facts."""

from clew.detectors.base import Detector, Facts
from clew.detectors.build import build, detectors, initial_state

__all__ = ["Detector", "Facts", "build", "detectors", "initial_state"]
