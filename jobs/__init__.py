"""What is run: job files, the command line, and the same as functions.

from lineshape import jobs

result = jobs.run("tau_energy_scale")
result              # in a notebook: the table of resolutions
result.figure("mdn", "half_68_over_baseline")
"""

from lineshape.jobs.api import Result, load, open_result, run, studies

__all__ = ["Result", "load", "open_result", "run", "studies"]
