"""Tickets: masks, scores, rewinding, the search, its controls, the verdict and the ticket file."""
