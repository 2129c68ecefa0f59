"""The report: plots as data, drawing, and the page."""
