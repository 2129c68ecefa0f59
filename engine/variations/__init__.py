"""Systematic variations: a sample's columns, weights, rate or files, or a model, changed up and down."""
