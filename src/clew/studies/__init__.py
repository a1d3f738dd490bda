"""Studies: grids of searches over datasets, detectors, scopes, rewinds and scores, and what they show together."""
