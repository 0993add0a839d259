"""Metrics measured during multi-label training. The test split is used for the curves only."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from fewlabels.data.dataset import PRESENT, UNKNOWN, Dataset
from fewlabels.data.split import LabelSplit
from fewlabels.evaluation.classification_monitor import sample_rows
from fewlabels.evaluation.multilabel import multilabel_metrics
from fewlabels.methods.method import Method
from fewlabels.models.classifier import Classifier
from fewlabels.models.inference import logits


@dataclass(frozen=True)
class MultilabelMonitor:
    """Computes the columns of history.csv at every evaluation of the averaged model."""

    dataset: Dataset
    split: LabelSplit
    plain: Callable[[Tensor], Iterable[Tensor]]
    """Returns network input for rows."""

    def __call__(self, model: Classifier, method: Method) -> dict[str, Any]:
        """Compute the mAP on samples of the validation and test images, and the state of the unknown marks."""
        row = {}
        for name, rows in (("val", self.split.val), ("test", self.split.test)):
            if len(rows):
                _, found, labels = self._predict(model, rows, name)
                row[f"{name}_mAP"] = multilabel_metrics(found, labels).get("mAP")
        return row | self._unknown(model, method)

    def _predict(self, model: Classifier, rows: np.ndarray, name: str) -> tuple[Tensor, Tensor, Tensor]:
        """Return a sample of the rows, their probabilities and their labels."""
        some = sample_rows(rows, name)
        found = logits(model, self.plain(some)).sigmoid()
        return some, found, torch.from_numpy(self.dataset.labels)[some]

    def _unknown(self, model: Classifier, method: Method) -> dict[str, Any]:
        """Compute the share of accepted unknown marks, and their accuracy where the truth is known."""
        rows, found, truth = self._predict(model, self.split.labelled, "pool")
        unknown = torch.from_numpy(self.split.given)[rows] == UNKNOWN
        if not bool(unknown.any()):
            return {}
        accepted = method.accepts(found.to(next(method.parameters()).device)).cpu() & unknown
        right = ((found >= 0.5) == (truth == PRESENT))[accepted & (truth != UNKNOWN)]
        return {
            "share_accepted": float(accepted.sum() / unknown.sum()),
            "pseudo_label_accuracy": float(right.double().mean()) if len(right) else None,
        }
