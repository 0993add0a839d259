"""Metrics measured during training. The test split is used for the curves only and never to choose anything."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from fewlabels.data.dataset import UNLABELLED, Dataset
from fewlabels.data.split import LabelSplit
from fewlabels.evaluation.class_balance import collapse_note
from fewlabels.methods.method import Method
from fewlabels.models.classifier import Classifier
from fewlabels.models.inference import probabilities
from fewlabels.randomness import key_of, permutation

SAMPLE = 2000
"""Largest number of images of a split that are evaluated during training; the final metrics use all."""


def sample_rows(rows: np.ndarray, name: str) -> Tensor:
    """Return at most :data:`SAMPLE` of the rows, always the same ones."""
    chosen = permutation(key_of("watch", name), len(rows))[:SAMPLE]  # another key would change the sample
    return torch.from_numpy(rows)[chosen].sort().values


@dataclass(frozen=True)
class ClassificationMonitor:
    """Computes the columns of history.csv at every evaluation of the averaged model."""

    dataset: Dataset
    split: LabelSplit
    plain: Callable[[Tensor], Iterable[Tensor]]
    """Returns network input for rows."""
    say: Callable[[str], None]

    def __call__(self, model: Classifier, method: Method) -> dict[str, Any]:
        """Compute the accuracy on samples of the validation and test images, and :meth:`pseudo_labels`."""
        row = {}
        for name, rows in (("val", self.split.val), ("test", self.split.test)):
            if len(rows):
                row[f"{name}_accuracy"] = self._accuracy(model, sample_rows(rows, name))
                members = model.networks() if len(model.networks()) > 1 else []
                for number, member in enumerate(members, 1):
                    row[f"{name}_accuracy_{number}"] = self._accuracy(member, sample_rows(rows, name))
        return row | self.pseudo_labels(model, method)

    def _labels(self, rows: Tensor) -> Tensor:
        return torch.from_numpy(self.dataset.labels)[rows]

    def _accuracy(self, model: Classifier, rows: Tensor) -> float | None:
        labels = self._labels(rows)
        rows, labels = rows[labels != UNLABELLED], labels[labels != UNLABELLED]
        if not len(rows):
            return None
        guess = probabilities(model, self.plain(rows)).argmax(1)
        return float((guess == labels).double().mean())

    def pseudo_labels(self, model: Classifier, method: Method) -> dict[str, Any]:
        """Compute the share of accepted predictions on unlabelled images, and their accuracy if the truth is known."""
        unlabelled = self.split.unlabelled
        if not len(unlabelled):
            return {}
        rows = sample_rows(unlabelled, "pool")
        found = probabilities(model, self.plain(rows))
        accepted = method.accepts(found.to(next(method.parameters()).device)).cpu()
        guess, truth = found.argmax(1), self._labels(rows)
        known = accepted & (truth != UNLABELLED)
        note = collapse_note(
            guess[accepted].bincount(minlength=len(self.dataset.classes)).tolist(), self.dataset.classes
        )
        if note:
            self.say(f"warning: {note}")
        return {
            "share_accepted": float(accepted.double().mean()),
            "pseudo_label_accuracy": float((guess == truth)[known].double().mean()) if bool(known.any()) else None,
        }
