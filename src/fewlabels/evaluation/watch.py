"""What is measured while a run trains. The test split is looked at for the curves and never chooses anything."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from fewlabels.data.dataset import UNLABELLED, Dataset
from fewlabels.data.split import LabelSplit
from fewlabels.evaluation.collapse import collapse_note
from fewlabels.methods.method import Method
from fewlabels.models.classifier import Classifier
from fewlabels.models.inference import probabilities
from fewlabels.randomness import key_of, permutation

SAMPLE = 2000
"""At most this many images of a split are looked at while training; the final figures use all."""


def sample(rows: np.ndarray, name: str) -> Tensor:
    """At most :data:`SAMPLE` of the rows, always the same."""
    chosen = permutation(key_of("watch", name), len(rows))[:SAMPLE]
    return torch.from_numpy(rows)[chosen].sort().values


@dataclass(frozen=True)
class Watch:
    """Called at every evaluation with the averaged model; gives the columns of history.csv."""

    dataset: Dataset
    split: LabelSplit
    plain: Callable[[Tensor], Iterable[Tensor]]
    """From rows to network input."""
    say: Callable[[str], None]

    def __call__(self, model: Classifier, method: Method) -> dict[str, Any]:
        """Accuracy on samples of the validation and test images, and the state of the pseudo-labels."""
        row = {}
        for name, rows in (("val", self.split.val), ("test", self.split.test)):
            if len(rows):
                row[f"{name}_accuracy"] = self._accuracy(model, sample(rows, name))
                members = model.networks() if len(model.networks()) > 1 else []
                for number, member in enumerate(members, 1):
                    row[f"{name}_accuracy_{number}"] = self._accuracy(member, sample(rows, name))
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
        """The share of unlabelled images whose prediction is trusted, and, where truth is known, how many are right."""
        unlabelled = self.split.unlabelled
        if not len(unlabelled):
            return {}
        rows = sample(unlabelled, "pool")
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
