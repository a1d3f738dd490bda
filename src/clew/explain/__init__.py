"""Where networks look and why to believe it: heatmaps of dense nets and tickets, and their measures."""
