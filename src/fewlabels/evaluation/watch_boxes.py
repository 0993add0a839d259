"""What is measured while a localizer trains. Boxes are looked at for the curves and never choose anything."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from fewlabels.data.dataset import UNLABELLED
from fewlabels.evaluation.watch import Watch, sample
from fewlabels.methods.localizing import LocalizingMethod
from fewlabels.methods.method import Method
from fewlabels.models.classifier import Classifier
from fewlabels.models.localizer import Localizer

Judge = Callable[[Classifier, np.ndarray], Mapping[str, Any]]
"""A model's figures on these rows, whose classes are known."""
FIGURES = ("accuracy", "gt_known", "top1_loc")


@dataclass(frozen=True)
class WatchBoxes:
    """Called at every evaluation with the averaged model; gives the columns of history.csv."""

    watch: Watch
    judge: Judge

    def __call__(self, model: Classifier, method: Method) -> dict[str, Any]:
        """Figures on samples of the validation and test images, the quality of the boxes that teach, pseudo-labels."""
        assert isinstance(method, LocalizingMethod)
        assert isinstance(model, Localizer)
        row: dict[str, Any] = {}
        teacher = method.pseudo_rule and Localizer(model.classifier, None, method.pseudo_rule)
        for name, rows in (("val", self.watch.split.val), ("test", self.watch.split.test)):
            known = self._known(rows, name)
            if not len(known):
                continue
            figures = self.judge(model, known)
            row |= {f"{name}_{figure}": figures[figure] for figure in FIGURES if figure in figures}
            if teacher is not None and "gt_known" in figures:
                row[f"{name}_pseudo_gt_known"] = self.judge(teacher, known)["gt_known"]
        return row | self.watch.pseudo_labels(model, method)

    def _known(self, rows: np.ndarray, name: str) -> np.ndarray:
        some = sample(rows, name).numpy()
        return some[self.watch.dataset.labels[some] != UNLABELLED]
