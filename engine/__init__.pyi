"""The names of the public interface, and the modules that define them: `__init__.py` reads them here."""

from .clusters.cluster import Cluster as Cluster
from .core.columns import Column as Column
from .core.errors import ClusterError as ClusterError
from .core.errors import DataError as DataError
from .core.errors import LineshapeError as LineshapeError
from .core.errors import RequestError as RequestError
from .core.errors import RunError as RunError
from .core.kinds import KindSpec as KindSpec
from .core.settings import Name as Name
from .core.settings import Names as Names
from .core.settings import Settings as Settings
from .input.events import flat as flat
from .input.events import generator as generator
from .input.events import numbers as numbers
from .input.events import per_object as per_object
from .input.events import per_object_lists as per_object_lists
from .input.processor import Selected as Selected
from .input.processor import control_histograms as control_histograms
from .input.study import Selection as Selection
from .input.study import Study as Study
from .learning.blocks.batch import Batch as Batch
from .learning.blocks.batch import Sequence as Sequence
from .learning.blocks.dense_layers import DenseLayers as DenseLayers
from .learning.blocks.layers import Standardise as Standardise
from .learning.blocks.layers import Trunk as Trunk
from .learning.blocks.scaling import Affine as Affine
from .learning.blocks.scaling import Scaling as Scaling
from .learning.blocks.scaling import Scalings as Scalings
from .learning.roles.encoder import Encoder as Encoder
from .learning.roles.loss import Loss as Loss
from .learning.roles.model import Mixture as Mixture
from .learning.roles.model import Model as Model
from .learning.roles.model import Output as Output
from .learning.roles.network import Head as Head
from .learning.roles.network import Network as Network
from .learning.roles.penalty import Penalty as Penalty
from .learning.roles.sampler import Sampler as Sampler
from .learning.roles.training_task import TrainingTask as TrainingTask
from .learning.roles.weight import Weight as Weight
from .measures.measure import Figure as Figure
from .measures.measure import Measure as Measure
from .measures.measure import Measured as Measured
from .measures.measure import Objects as Objects
from .measures.plots import Band as Band
from .measures.plots import Map as Map
from .measures.plots import Plot as Plot
from .measures.plots import Series as Series

__all__ = [
    "Affine",
    "Band",
    "Batch",
    "Cluster",
    "ClusterError",
    "Column",
    "DataError",
    "DenseLayers",
    "Encoder",
    "Figure",
    "Head",
    "KindSpec",
    "LineshapeError",
    "Loss",
    "Map",
    "Measure",
    "Measured",
    "Mixture",
    "Model",
    "Name",
    "Names",
    "Network",
    "Objects",
    "Output",
    "Penalty",
    "Plot",
    "RequestError",
    "RunError",
    "Sampler",
    "Scaling",
    "Scalings",
    "Selected",
    "Selection",
    "Sequence",
    "Series",
    "Settings",
    "Standardise",
    "Study",
    "TrainingTask",
    "Trunk",
    "Weight",
    "control_histograms",
    "flat",
    "generator",
    "numbers",
    "per_object",
    "per_object_lists",
]
