"""The engine: stages, learning and measures, independent of any particular study.

The public interface for a user's own code is here, as in `from lineshape.engine import Column, Study, flat`, and is
stable; deeper modules are private and may move. Each name is imported when it is first accessed.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from lineshape.engine.clusters.cluster import Cluster as Cluster
    from lineshape.engine.core.columns import Column as Column
    from lineshape.engine.core.errors import ClusterError as ClusterError
    from lineshape.engine.core.errors import DataError as DataError
    from lineshape.engine.core.errors import LineshapeError as LineshapeError
    from lineshape.engine.core.errors import RequestError as RequestError
    from lineshape.engine.core.errors import RunError as RunError
    from lineshape.engine.core.kinds import KindSpec as KindSpec
    from lineshape.engine.core.settings import Name as Name
    from lineshape.engine.core.settings import Names as Names
    from lineshape.engine.core.settings import Settings as Settings
    from lineshape.engine.input.events import flat as flat
    from lineshape.engine.input.events import generator as generator
    from lineshape.engine.input.events import numbers as numbers
    from lineshape.engine.input.events import per_object as per_object
    from lineshape.engine.input.events import per_object_lists as per_object_lists
    from lineshape.engine.input.processor import Selected as Selected
    from lineshape.engine.input.processor import control_histograms as control_histograms
    from lineshape.engine.input.study import Selection as Selection
    from lineshape.engine.input.study import Study as Study
    from lineshape.engine.learning.blocks.batch import Batch as Batch
    from lineshape.engine.learning.blocks.batch import Sequence as Sequence
    from lineshape.engine.learning.blocks.dense_layers import DenseLayers as DenseLayers
    from lineshape.engine.learning.blocks.layers import Standardise as Standardise
    from lineshape.engine.learning.blocks.layers import Trunk as Trunk
    from lineshape.engine.learning.blocks.scaling import Affine as Affine
    from lineshape.engine.learning.blocks.scaling import Scaling as Scaling
    from lineshape.engine.learning.blocks.scaling import Scalings as Scalings
    from lineshape.engine.learning.roles.encoder import Encoder as Encoder
    from lineshape.engine.learning.roles.loss import Loss as Loss
    from lineshape.engine.learning.roles.model import Mixture as Mixture
    from lineshape.engine.learning.roles.model import Model as Model
    from lineshape.engine.learning.roles.model import Output as Output
    from lineshape.engine.learning.roles.network import Head as Head
    from lineshape.engine.learning.roles.network import Network as Network
    from lineshape.engine.learning.roles.penalty import Penalty as Penalty
    from lineshape.engine.learning.roles.sampler import Sampler as Sampler
    from lineshape.engine.learning.roles.training_task import TrainingTask as TrainingTask
    from lineshape.engine.learning.roles.weight import Weight as Weight
    from lineshape.engine.measures.measure import Figure as Figure
    from lineshape.engine.measures.measure import Measure as Measure
    from lineshape.engine.measures.measure import Measured as Measured
    from lineshape.engine.measures.measure import Objects as Objects
    from lineshape.engine.measures.plots import Band as Band
    from lineshape.engine.measures.plots import Map as Map
    from lineshape.engine.measures.plots import Plot as Plot
    from lineshape.engine.measures.plots import Series as Series

#: Names of the interface, by the module that defines them.
_PUBLIC: Final[dict[str, tuple[str, ...]]] = {
    "core.columns": ("Column",),
    "core.errors": (
        "ClusterError",
        "DataError",
        "LineshapeError",
        "RequestError",
        "RunError",
    ),
    "core.kinds": ("KindSpec",),
    "core.settings": (
        "Name",
        "Names",
        "Settings",
    ),
    "input.events": (
        "flat",
        "generator",
        "numbers",
        "per_object",
        "per_object_lists",
    ),
    "input.processor": (
        "Selected",
        "control_histograms",
    ),
    "input.study": (
        "Selection",
        "Study",
    ),
    "clusters.cluster": ("Cluster",),
    "learning.roles.encoder": ("Encoder",),
    "learning.roles.loss": ("Loss",),
    "learning.roles.model": (
        "Mixture",
        "Model",
        "Output",
    ),
    "learning.roles.network": (
        "Head",
        "Network",
    ),
    "learning.roles.penalty": ("Penalty",),
    "learning.roles.sampler": ("Sampler",),
    "learning.roles.training_task": ("TrainingTask",),
    "learning.roles.weight": ("Weight",),
    "learning.blocks.batch": (
        "Batch",
        "Sequence",
    ),
    "learning.blocks.dense_layers": ("DenseLayers",),
    "learning.blocks.layers": (
        "Standardise",
        "Trunk",
    ),
    "learning.blocks.scaling": (
        "Affine",
        "Scaling",
        "Scalings",
    ),
    "measures.measure": (
        "Figure",
        "Measure",
        "Measured",
        "Objects",
    ),
    "measures.plots": (
        "Band",
        "Map",
        "Plot",
        "Series",
    ),
}
_MODULES: Final = {name: module for module, names in _PUBLIC.items() for name in names}


def __getattr__(name: str) -> Any:
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_MODULES[name]}"), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *_MODULES})
