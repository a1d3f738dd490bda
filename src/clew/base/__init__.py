"""What every room needs: errors, registries, progress, atomic files, hashing, executors."""
