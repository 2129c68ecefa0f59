"""Train networks as one rank. This module imports torch; import it where it is used."""

import datetime as dt
import os
from pathlib import Path

import torch
import torch.distributed as dist

from lineshape.engine.core.errors import reading
from lineshape.engine.core.files import replacing, write_json
from lineshape.engine.learning.data.source import BatchSource, Layout
from lineshape.engine.learning.data.table import TrainingTable
from lineshape.engine.learning.fit import remarks
from lineshape.engine.learning.fit.fitted_network import FittedNetwork
from lineshape.engine.learning.fit.history import write_history
from lineshape.engine.learning.fit.learner import Learner
from lineshape.engine.learning.fit.loop import Hooks, State, fit
from lineshape.engine.learning.fit.permuted_losses import losses_of_others
from lineshape.engine.learning.fit.process_group import ProcessGroup
from lineshape.engine.learning.fit.resources import threads
from lineshape.engine.learning.launch.launch import FACTS, TABLE, no_gpu
from lineshape.engine.learning.roles.model import REMARKS, Report
from lineshape.engine.learning.roles.training_task import TrainingTask

_CHECKPOINT = "checkpoint.pt"
#: Timeout of communication with another rank, after which that rank is considered lost.
_PATIENCE = dt.timedelta(minutes=30)


def take_part(model: FittedNetwork, work: TrainingTask, rank: int, size: int, tell: Report) -> None:
    """Train, and in the first rank write the weights to the bundle and the facts to the scratch folder."""
    torch.set_num_threads(threads())
    device = _device(model.device)
    if model.deterministic != torch.are_deterministic_algorithms_enabled():  # which imports torch's compiler
        torch.use_deterministic_algorithms(model.deterministic, warn_only=True)
    group = ProcessGroup(rank, size, device)
    if size > 1:
        backend = "nccl" if device.type == "cuda" else "gloo"
        # Not by the URL of the file, in which a folder may have characters that mean something else.
        meeting = dist.FileStore(os.environ["LINESHAPE_MEETING"], size)  # type: ignore[attr-defined]
        dist.init_process_group(backend, store=meeting, timeout=_PATIENCE, world_size=size, rank=rank)
    table = TrainingTable(work.scratch / TABLE)
    torch.manual_seed(work.seed)
    learner = model.learner(table, work.data.features).to(device)
    rows = table.rows("training"), table.rows("validation")
    layout = Layout.of(model.columns(work.data.x_columns), table.mean_weight, model.longest, rows[0].targets)
    memory = _memory(model, device, max(1, work.ranks))
    # The validation rows are given their memory first; where they need more than a quarter of it, they are streamed.
    for_validation = min(rows[1].bytes / size, memory / 4)
    training = BatchSource(rows[0], layout, device, memory - for_validation, rank, size)
    validation = BatchSource(rows[1], layout, device, for_validation, rank, size)
    validation.judged_by(model.built_sampler)
    state = _load_state(work.scratch / _CHECKPOINT)
    config = model.fit_config(work.data.features, work.seed, work.data.target.truths)
    hooks = Hooks(lambda state: _save(state, work, rank), tell)
    facts = fit(learner, model.phases_of(), training, validation, config, group, state, hooks)
    if rank == 0:
        told = [*table.remarks, *_remarks(model, work, learner, table, layout, state)]
        for file, module in {model.weights: learner.predicting, **_files(learner)}.items():
            torch.save(module.cpu().state_dict(), work.folder / file)
        parameters = sum(parameter.numel() for parameter in learner.predicting.parameters())
        counted = {"training_rows": len(rows[0]), "validation_rows": len(rows[1]), "parameters": parameters}
        write_json(work.scratch / FACTS, facts | counted | {"ranks": size, "device": device.type, REMARKS: told})
    if size > 1:
        dist.barrier()
        dist.destroy_process_group()


def _remarks(
    model: FittedNetwork, work: TrainingTask, learner: Learner, table: TrainingTable, layout: Layout, state: State
) -> list[str]:
    """Return remarks on networks, from some of the validation rows."""
    rows = table.rows("validation")
    places = remarks.chosen(len(rows), work.seed)
    flat, target = rows.flat[places], work.data.target
    own = flat[:, -1] if rows.targets == 1 else flat[:, -rows.targets :]
    sample = remarks.RowSample(work.data.features, flat[:, : layout.features], own, model.classes, target.per)
    told = [*remarks.on_batch(model.batch, len(table.rows("training"))), *remarks.on_features(sample)]
    if work.data.choice.shuffled:  # then it is intended that nothing is learnt
        return told
    course: list[str] = []
    if "loss" in model.loss_names:
        course = remarks.on_gain(*losses_of_others(learner, rows.at(places), layout))
    # With several phases, such as of adversarial networks, no loss need fall.
    alone = len(model.phases_of()) == 1
    return [*told, *(course or (remarks.on_history(state.history, "epochs") if alone else []))]


def _files(learner: Learner) -> dict[str, torch.nn.Module]:
    return {f"{name}.pt": module for name, module in learner.beside.items()}


def _device(wanted: str) -> torch.device:
    if wanted == "cuda" and not torch.cuda.is_available():
        raise no_gpu("torch")
    if wanted == "cpu" or not torch.cuda.is_available():
        return torch.device("cpu")
    device = torch.device("cuda", int(os.environ["LOCAL_RANK"]) % torch.cuda.device_count())
    torch.cuda.set_device(device)
    return device


def _memory(model: FittedNetwork, device: torch.device, ranks: int) -> float:
    """Return bytes for a rank's rows, of the setting `memory`, or of half of a GPU's free memory, or a CPU's default.

    ranks: of this worker, which share its memory; on GPUs those of one GPU share it.
    """
    if model.memory is None and device.type == "cuda":
        return torch.cuda.mem_get_info(device)[0] / 2 / sharing(ranks, torch.cuda.device_count())
    return model.memory_bytes / ranks


def sharing(ranks: int, gpus: int) -> int:
    """Return how many ranks at most are on one GPU, as they are dealt out in turn."""
    return -(-ranks // gpus)


def _load_state(path: Path) -> State:
    if not path.is_file():
        return State()
    with reading(path, "remove it, and run the same command again: the training then begins anew"):
        return State(**torch.load(path, weights_only=True, map_location="cpu"))


def _save(state: State, work: TrainingTask, rank: int) -> None:
    if rank == 0:
        with replacing(work.scratch / _CHECKPOINT) as temporary:
            torch.save(vars(state), temporary)
        write_history(work.folder, state.history)
