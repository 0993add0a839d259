"""Metrics measured while a localizer trains. True boxes are used for the curves only."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from fewlabels.data.dataset import UNLABELLED
from fewlabels.evaluation.classification_monitor import ClassificationMonitor, sample_rows
from fewlabels.methods.localizing import LocalizingMethod
from fewlabels.methods.method import Method
from fewlabels.models.classifier import Classifier
from fewlabels.models.localizer import Localizer

MetricsOf = Callable[[Classifier, np.ndarray], Mapping[str, Any]]
"""Computes the metrics of a model on rows with a known class."""
CURVES = ("accuracy", "gt_known", "top1_loc")
"""The metrics of a split that history.csv has."""


@dataclass(frozen=True)
class LocalizationMonitor:
    """Computes the columns of history.csv at every evaluation of the averaged model."""

    classification: ClassificationMonitor
    metrics_of: MetricsOf

    def __call__(self, model: Classifier, method: Method) -> dict[str, Any]:
        """Compute metrics on samples of validation and test images, of the pseudo-boxes, and of the pseudo-labels."""
        assert isinstance(method, LocalizingMethod)
        assert isinstance(model, Localizer)
        row: dict[str, Any] = {}
        teacher = method.pseudo_rule and Localizer(model.classifier, None, method.pseudo_rule)
        for name, rows in (("val", self.classification.split.val), ("test", self.classification.split.test)):
            known = self._known(rows, name)
            if not len(known):
                continue
            metrics = self.metrics_of(model, known)
            row |= {f"{name}_{curve}": metrics[curve] for curve in CURVES if curve in metrics}
            if teacher is not None and "gt_known" in metrics:
                row[f"{name}_pseudo_gt_known"] = self.metrics_of(teacher, known)["gt_known"]
        return row | self.classification.pseudo_labels(model, method)

    def _known(self, rows: np.ndarray, name: str) -> np.ndarray:
        some = sample_rows(rows, name).numpy()
        return some[self.classification.dataset.labels[some] != UNLABELLED]
