"""Measures: performance histograms, how they are filled, and the figures and plots read off them."""
