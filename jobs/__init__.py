"""Run studies: job files, the command line, and the Python functions that do the same.

from lineshape import jobs

result = jobs.run("tau_energy_scale")
result              # in a notebook: the table of resolutions and the line shape
result.figure("mdn", "half_68_over_baseline")
"""

from lineshape.jobs.api import Result, histogram, load, open_result, process, report, reprocess, run, studies, train
from lineshape.jobs.applying import apply
from lineshape.jobs.comparing import compare
from lineshape.jobs.runner import Runner

__all__ = [
    "Result",
    "Runner",
    "apply",
    "compare",
    "histogram",
    "load",
    "open_result",
    "process",
    "report",
    "reprocess",
    "run",
    "studies",
    "train",
]
