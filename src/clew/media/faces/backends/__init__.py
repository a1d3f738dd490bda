"""One file for each face detector."""
