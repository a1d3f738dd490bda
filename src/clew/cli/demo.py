"""`clew demo`."""

EXAMPLE = ""


def demo() -> None:
    """Stub."""
