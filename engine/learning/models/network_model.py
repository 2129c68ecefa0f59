"""Train models that are networks, in the worker or in ranks of their own, and predict with them."""

from abc import ABC
from collections.abc import Callable, Mapping
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from lineshape.engine.core.errors import reading_bundle
from lineshape.engine.core.jagged import Jagged
from lineshape.engine.learning.blocks.scaling import Affine, Scaling, Scalings
from lineshape.engine.learning.data.table import TrainingTable, make_table
from lineshape.engine.learning.fit.fitted_network import FittedNetwork
from lineshape.engine.learning.roles.model import Output, Report
from lineshape.engine.learning.roles.training_task import TrainingTask

if TYPE_CHECKING:
    from torch import nn


class NetworkModel(FittedNetwork, ABC):
    """Base class of models of one or several networks, of which one predicts."""

    def prepare(self, work: TrainingTask) -> None:
        """Write the rows of the training once, before its ranks start."""
        from lineshape.engine.learning.launch.launch import TABLE

        make_table(work.data, self.columns(work.data.x_columns), work.scratch / TABLE)

    def train(self, work: TrainingTask, report: Report) -> dict[str, object]:
        """Fit the networks, in this process or in ranks; the same data, seed and ranks give the same weights."""
        from lineshape.engine.learning.launch.in_worker import fits_in_worker, train_in_worker
        from lineshape.engine.learning.launch.launch import FACTS, TABLE, launch, read_facts

        work.folder.mkdir(parents=True, exist_ok=True)
        rows = len(TrainingTable(work.scratch / TABLE).rows("training"))
        if fits_in_worker(self, work, rows):
            train_in_worker(self, work, report)
        else:
            launch(work, report)
        return read_facts(work.scratch / FACTS) if work.node == 0 else {}

    def take_part(self, work: TrainingTask, rank: int, size: int, report: Report) -> None:
        """Run the training loop as one of several ranks."""
        from lineshape.engine.learning.launch.network_rank import take_part

        take_part(self, work, rank, size, report)

    def module(self, folder: Path) -> "nn.Module":
        """Return the predicting network with its weights, on the CPU; raises RunError where their file is damaged."""
        import torch

        network = self.predicting
        with reading_bundle(folder / self.weights):
            state = torch.load(folder / self.weights, weights_only=True)
            features = Scaling.unit(len(state["trunk.inputs.logarithm"]))
            target = Affine.unit(len(state.get("target.scale", [1])))
        lists = {name: Scaling.unit(len(each.columns)) for name, each in network.encoders.items()}
        module = network.build(Scalings(features, target, lists))
        with reading_bundle(folder / self.weights):
            module.load_state_dict(state)
        return module.eval()

    def load(self, folder: Path) -> Callable[[NDArray[np.float64], Mapping[str, Jagged]], Output]:
        """Return the prediction of the network, in float32."""
        return self._predicting(self.module(folder))

    def load_exact(self, folder: Path) -> Callable[[NDArray[np.float64], Mapping[str, Jagged]], Output]:
        """Return the prediction of the network, in float64."""
        return self._predicting(self.module(folder).double())

    def _predicting(self, module: "nn.Module") -> Callable[[NDArray[np.float64], Mapping[str, Jagged]], Output]:
        import torch

        from lineshape.engine.learning.data.source import pad

        # The buffers of the scaling give the type of a network without weights.
        numbers = (each.dtype for each in chain(module.parameters(), module.buffers()) if each.is_floating_point())
        network, number = self.predicting, next(numbers)

        def predict(x: NDArray[np.float64], jagged: Mapping[str, Jagged]) -> Output:
            packed = {
                name: (
                    torch.from_numpy(np.asarray(jagged[each.columns[0]].offsets)),
                    torch.from_numpy(np.array([jagged[c].content for c in each.columns]).T.copy()).to(number),
                )
                for name, each in network.encoders.items()
            }
            with torch.no_grad():
                batches = [
                    module(
                        torch.from_numpy(x[rows.numpy()]).to(number),
                        {name: pad(*packed[name], rows, self.longest[name]) for name in packed},
                    )
                    for rows in torch.arange(len(x)).split(65_536)
                ]
            names = batches[0] if batches else {}
            return network.read(
                {name: torch.cat([batch[name] for batch in batches]).double().numpy() for name in names}
            )

        return predict
