"""Public layouts read into one table of samples; splits; the crop store; the embedded data."""
