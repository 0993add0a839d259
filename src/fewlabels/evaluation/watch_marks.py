"""What is measured while a multi-label run trains. The test split is looked at for the curves and chooses nothing."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from fewlabels.data.dataset import PRESENT, UNKNOWN, Dataset
from fewlabels.data.split import LabelSplit
from fewlabels.evaluation.multilabel import multilabel_metrics
from fewlabels.evaluation.watch import sample
from fewlabels.methods.method import Method
from fewlabels.models.classifier import Classifier
from fewlabels.models.inference import logits


@dataclass(frozen=True)
class WatchMarks:
    """Called at every evaluation with the averaged model; gives the columns of history.csv."""

    dataset: Dataset
    split: LabelSplit
    plain: Callable[[Tensor], Iterable[Tensor]]
    """From rows to network input."""

    def __call__(self, model: Classifier, method: Method) -> dict[str, Any]:
        """mAP on samples of the validation and test images, and the state of the unknown marks."""
        row = {}
        for name, rows in (("val", self.split.val), ("test", self.split.test)):
            if len(rows):
                _, found, labels = self._look(model, rows, name)
                row[f"{name}_mAP"] = multilabel_metrics(found, labels).get("mAP")
        return row | self._unknown(model, method)

    def _look(self, model: Classifier, rows: np.ndarray, name: str) -> tuple[Tensor, Tensor, Tensor]:
        """A sample of the rows, its probabilities and its labels."""
        some = sample(rows, name)
        found = logits(model, self.plain(some)).sigmoid()
        return some, found, torch.from_numpy(self.dataset.labels)[some]

    def _unknown(self, model: Classifier, method: Method) -> dict[str, Any]:
        """The share of unknown marks that are trusted and, where truth is known, how many of these are right."""
        rows, found, truth = self._look(model, self.split.labelled, "pool")
        unknown = torch.from_numpy(self.split.given)[rows] == UNKNOWN
        if not bool(unknown.any()):
            return {}
        accepted = method.accepts(found.to(next(method.parameters()).device)).cpu() & unknown
        right = ((found >= 0.5) == (truth == PRESENT))[accepted & (truth != UNKNOWN)]
        return {
            "share_accepted": float(accepted.sum() / unknown.sum()),
            "pseudo_label_accuracy": float(right.double().mean()) if len(right) else None,
        }
