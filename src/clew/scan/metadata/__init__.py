"""Metadata and content credentials, read in bounded pieces."""
