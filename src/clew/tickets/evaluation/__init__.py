"""A model measured on stores: `evaluate` what it is worth there, `verify` that it keeps what it promises."""

from clew.tickets.evaluation.corruptions import Corruption, corruptions
from clew.tickets.evaluation.evaluate import evaluate
from clew.tickets.evaluation.verify import verify

__all__ = ["Corruption", "corruptions", "evaluate", "verify"]
