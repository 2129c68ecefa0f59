"""Templates for the fit: histograms of scores and columns, with their variations, for other programs."""
