"""The runtime: a ticket made small and fast, without torch."""
