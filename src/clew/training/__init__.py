"""The loop, losses, schedules, metrics, intervals and checkpoints."""
