"""Hold the physics: one processor per study, from NanoEvents to columns, cut flow and control histograms."""
