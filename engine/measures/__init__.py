"""Kinds of measures: what a performance histogram is of, how it is filled, and the figures read off it."""
