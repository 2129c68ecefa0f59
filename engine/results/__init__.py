"""What a run found: histograms, figures, plots."""
