"""A model measured on stores: `evaluate` what it is worth there, `verify` that it keeps what it promises,
`ladder_robustness` what pruning costs it under corruption and attack."""

from clew.tickets.evaluation.attacked import Attack
from clew.tickets.evaluation.corruptions import Corruption, corruptions
from clew.tickets.evaluation.evaluate import evaluate
from clew.tickets.evaluation.ladder_robustness import ladder_robustness
from clew.tickets.evaluation.verify import verify

__all__ = ["Attack", "Corruption", "corruptions", "evaluate", "ladder_robustness", "verify"]
