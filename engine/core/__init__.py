"""Foundations of all other folders: errors, settings, kinds, columns, splits, records, run folders."""
