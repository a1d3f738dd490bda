"""Files in, findings out: who is in a picture or video, how likely each is a fake, and how sure that is.

`clew.scan` is both this room and the verb: `clew.scan("photo.jpg")` calls `clew.scan.api.scan`. A package is bound to
its parent under its own name as soon as one of its modules is imported, so the room itself has to be what is called.
"""

from __future__ import annotations

import inspect
import sys
from types import ModuleType
from typing import Any


class _Room(ModuleType):
    """This package, which can be called."""

    def __call__(self, *args: Any, **settings: Any) -> Any:
        from clew.scan.api import scan

        return scan(*args, **settings)

    @property
    def __signature__(self) -> inspect.Signature:
        from clew.scan.api import scan

        return inspect.signature(scan)


sys.modules[__name__].__class__ = _Room
