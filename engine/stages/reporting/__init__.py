"""From histograms to figures, plots and a page."""
