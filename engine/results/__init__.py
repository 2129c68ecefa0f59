"""Results of a run: histograms, figures and plots."""
