"""Write figures, plots and a page from histograms."""
