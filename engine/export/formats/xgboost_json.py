"""Write XGBoost's own JSON, which XGBoost in any language reads, and tools that support it."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from lineshape.engine.export.format import ExportedModel, Format, Runtime, Values, left_to_user, needs
from lineshape.engine.export.formats.onnx_trees import trees_of
from lineshape.engine.learning.prediction import Prediction


class XgboostJson(Format):
    """The trees with the names of their features, and the bundle's metadata as attributes.

    The file predicts the target, which is over `per` where there is one. It is read back by Treelite.
    """

    ending: ClassVar[str] = ".xgboost.json"
    knows_conditions: ClassVar[bool] = False

    def content(self, subject: ExportedModel) -> bytes:
        """Return the JSON that XGBoost writes."""
        booster = trees_of(subject).booster(subject.bundle.folder)
        booster.set_attr(**subject.about)
        return bytes(booster.save_raw("json"))

    def runtime(self, subject: ExportedModel, path: Path) -> Runtime:
        """Return the file in Treelite, which shares no code with XGBoost."""
        try:
            import treelite
        except ImportError as error:
            raise needs("export", error) from error
        model = treelite.frontend.load_xgboost_model(path, format_choice="json")
        features = subject.bundle.features

        def run(columns: Mapping[str, Any]) -> Values:
            x = np.column_stack([columns[name] for name in features]).astype(np.float32)
            found = np.asarray(treelite.gtil.predict(model, x), dtype=np.float64).reshape(len(x), -1)
            return {"target": found[:, 0] if found.shape[1] == 1 else found}

        return run

    def expected(self, subject: ExportedModel, prediction: Prediction) -> Values:
        """Return the target."""
        return {"target": prediction.target}

    def remarks(self, subject: ExportedModel) -> list[str]:
        """Return what is left to the user."""
        return left_to_user(subject)
