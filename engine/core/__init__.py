"""What every other room stands on: errors, settings, kinds, columns, splits, records, run folders."""
