"""Pages made from what the others wrote down: one self-contained HTML file per ladder."""
