"""Epochs as TensorBoard shows them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from clew.base.errors import ClewError

Row = dict[str, float]
SECONDS = 5  # until a row can be seen


def check_board(folder: Path) -> None:
    """Raises ClewError where `folder` is a file, or nothing that writes TensorBoard's files is installed."""
    if folder.exists() and not folder.is_dir():
        raise ClewError(f"{folder}: expected a folder, found a file: name another one for --tensorboard.")
    try:
        import tensorboardX  # noqa: F401
    except ImportError:
        raise ClewError("--tensorboard needs tensorboardX: pip install 'clew[tensorboard]'.") from None


@contextmanager
def board(folder: Path | None, name: str) -> Iterator[Callable[[Row], None]]:
    """A call that writes the rows of a training's history, by epoch, to `folder`/`name` for TensorBoard.

    Without a folder it writes nothing. A training that goes on writes a file of its own beside the earlier ones.
    Raises ClewError where `folder` is a file or nothing that writes is installed.
    """
    if folder is None:
        yield lambda row: None
        return
    check_board(folder)
    from lightning_fabric.loggers import TensorBoardLogger

    earlier = len(list((folder / name).glob("events*")))  # names go by the second: two files must not share one
    suffix = f".{earlier}" if earlier else ""
    logger = TensorBoardLogger(folder, name=name, version="", flush_secs=SECONDS, filename_suffix=suffix)

    def write(row: Row) -> None:
        numbers = {key: value for key, value in row.items() if key != "epoch"}
        logger.log_metrics(numbers, step=int(row["epoch"]))

    try:
        yield write
    finally:
        logger.finalize("done")
        if getattr(logger, "_experiment", None) is not None:
            logger.experiment.close()
