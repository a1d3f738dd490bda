"""Epochs as TensorBoard shows them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from clew.base.errors import ClewError

Row = dict[str, float]


def check_board() -> None:
    """Raises ClewError unless something that writes TensorBoard's files is installed."""
    try:
        import tensorboardX  # noqa: F401
    except ImportError:
        raise ClewError("--tensorboard needs tensorboardX: pip install 'clew[tensorboard]'.") from None


@contextmanager
def board(folder: Path | None, name: str) -> Iterator[Callable[[Row], None]]:
    """A call that writes the rows of a training's history, by epoch, to `folder`/`name` for TensorBoard.

    Without a folder it writes nothing.
    """
    if folder is None:
        yield lambda row: None
        return
    from lightning_fabric.loggers import TensorBoardLogger

    check_board()
    logger = TensorBoardLogger(folder, name=name, version="")

    def write(row: Row) -> None:
        numbers = {key: value for key, value in row.items() if key != "epoch"}
        logger.log_metrics(numbers, step=int(row["epoch"]))
        logger.experiment.flush()

    try:
        yield write
    finally:
        logger.finalize("done")
        if getattr(logger, "_experiment", None) is not None:
            logger.experiment.close()
