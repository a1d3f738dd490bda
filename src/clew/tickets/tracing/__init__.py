"""From a network in PyTorch to its inference graph: it runs once, without numbers, and what it does is written down.

A branch that depends on the picture's numbers cannot be followed; it is refused.
"""

from clew.tickets.tracing.trace import graph_facts, traced

__all__ = ["graph_facts", "traced"]
