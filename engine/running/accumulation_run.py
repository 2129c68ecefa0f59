"""Call coffea processors on files, and add up what they return, in a run folder."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from lineshape.engine.core.run_folder import RunFolder
from lineshape.engine.execution.progress import Screen
from lineshape.engine.execution.workers import Workers
from lineshape.engine.running.recording import recorded, tell

if TYPE_CHECKING:
    from lineshape.engine.stages.accumulating.plan import Accumulation
    from lineshape.engine.stages.accumulating.stage import Accumulated


@dataclass
class AccumulationRun:
    """A folder of accumulators, and the workers that make them."""

    folder: RunFolder
    workers: Workers
    screen: Screen

    def accumulate(self, plan: "Accumulation") -> "Accumulated":
        """Call a coffea processor on all chunks, and add up what it returns."""
        from lineshape.engine.stages.accumulating.stage import accumulate

        with recorded(self.folder, self.screen, "processing") as stage:
            found = accumulate(plan, self.folder.path, self.workers, stage.bars)
            stage.text = (
                f"{found.entries:,} entries in {found.files} files = {found.processed:,} processed + "
                f"{found.entries - found.processed:,} quarantined; {found.made} of {found.chunks} chunks made now"
            )
            if found.quarantined:
                stage.text += f"; {len(found.quarantined)} parts are quarantined"
        tell(self.screen, found.notes, found.quarantined, f", listed in {self.folder.path}")
        return found

    def finish(self, found: "Accumulated", processor: Any) -> None:
        """Call the processor's postprocess on the whole sum, and save what it returns. processor: as it was given."""
        from lineshape.engine.stages.accumulating.saving import save_value

        with recorded(self.folder, self.screen, "finishing") as stage:
            notes = save_value(self.folder.path, "output", found.whole(processor)[0])
            stage.text = f"{self.folder.path / 'output.coffea'}"
        tell(self.screen, notes, (), "")
