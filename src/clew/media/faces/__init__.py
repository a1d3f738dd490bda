"""Faces: found by one of several detectors, followed through a video, cut out as squares."""
