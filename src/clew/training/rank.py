"""A process's number among those that train together, as Lightning Fabric asks for it."""

from __future__ import annotations

from lightning_fabric.plugins.environments import LightningEnvironment


class Rank(LightningEnvironment):
    """A process's number among ours; whatever torchrun or a cluster told about theirs is not asked."""

    def __init__(self, rank: int) -> None:
        super().__init__()
        self.rank = rank

    @property
    def creates_processes_externally(self) -> bool:
        """That `together` begins the processes."""
        return True

    def local_rank(self) -> int:
        """This process's number."""
        return self.rank

    def node_rank(self) -> int:
        """All are on one machine."""
        return 0
