"""Candidates for ``--method auto`` in task ``classify`` that fit a head to cached features.

Legend: N images, L labelled ones, D features, K classes.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
import torch
from scipy.sparse import csr_matrix
from torch import Tensor
from torch.nn.functional import normalize

from fewlabels.auto.choice import Choice, Trial
from fewlabels.auto.cross_fitting import held_out_logits, log_loss_at_best_temperature
from fewlabels.auto.evidence import expected_log_loss
from fewlabels.evaluation.classification import wilson_interval
from fewlabels.evaluation.folds import Folds, stratified_folds
from fewlabels.methods.graph import neighbour_graph
from fewlabels.methods.graph_probing import GraphProbeParameters, fit_graph
from fewlabels.methods.label_diffusion import principal_axes
from fewlabels.methods.probing import LinearFit, Scaling, fit_logistic
from fewlabels.models.heads.centred_linear import CentredLinear

FOLDS = 5
OUTER_FOLDS = 3
PRIOR = 200
"""Number of held-out labels at which cross-fitting and evidence weigh the same."""


@dataclass(frozen=True)
class PoolFeatures:
    """Features of the training images, with what candidates compute from them once."""

    raw: Tensor
    """(N, D) float32."""
    num_classes: int
    reference: "PoolFeatures | None" = None
    """The images that centre and principal axes are computed from; None for these images."""

    @cached_property
    def unit(self) -> np.ndarray:
        """(N, D) float64 of length one."""
        return normalize(self.raw, dim=1).double().numpy()

    @cached_property
    def centred(self) -> np.ndarray:
        """(N, D) float64 as :class:`~fewlabels.models.heads.centred_linear.CentredLinear` scales them."""
        head = CentredLinear(self.raw.shape[1], 1)
        head.set_centre((self.reference or self).raw)
        return head.scaled(self.raw).double().numpy()

    def scaled(self, scaling: Scaling) -> np.ndarray:
        """Return the features as a linear probe with this parameter sees them."""
        return self.centred if scaling == "centred" else self.unit

    @cached_property
    def axes(self) -> np.ndarray:
        """(D, W) the principal axes of the centred features."""
        return principal_axes(self.centred) if self.reference is None else self.reference.axes

    @cached_property
    def reduced(self) -> np.ndarray:
        """(N, W) float64, the centred features along the principal axes, as the graph probe sees them."""
        return self.centred @ self.axes

    @cached_property
    def graph(self) -> csr_matrix:
        """The graph of the graph probe with its default number of neighbours."""
        return neighbour_graph(torch.from_numpy(self.centred), GraphProbeParameters().neighbours)


class Given(NamedTuple):
    """The labels that are given."""

    rows: np.ndarray
    """(L,) int64 rows of the features."""
    labels: np.ndarray
    """(L,) int64 classes."""

    def part(self, indices: np.ndarray) -> "Given":
        """Return some of the labels."""
        return Given(self.rows[indices], self.labels[indices])


class Head(NamedTuple):
    """A candidate: a method whose head is a function of cached features."""

    method: str
    parameters: dict[str, Any]
    fit: Callable[[PoolFeatures, Given], LinearFit]
    scaled: Callable[[PoolFeatures], np.ndarray]
    """Returns the features that the fit is applied to, (N, D)."""

    def logits(self, pool: PoolFeatures, given: Given, rows: np.ndarray) -> np.ndarray:
        """Fit the given labels and return the logits (n, K) of some rows (n,)."""
        return self.fit(pool, given).logits(self.scaled(pool)[rows])


def _linear(C: float, scaling: Scaling) -> Head:
    def fit(pool: PoolFeatures, given: Given) -> LinearFit:
        return fit_logistic(pool.scaled(scaling)[given.rows], given.labels, pool.num_classes, C)

    given = {} if scaling == "unit" else {"C": C, "scaling": scaling}
    return Head("linear-probe", given, fit, lambda pool: pool.scaled(scaling))


def _graph(**parameters: Any) -> Head:
    def fit(pool: PoolFeatures, given: Given) -> LinearFit:
        p = GraphProbeParameters(**parameters)
        return fit_graph(p, pool.reduced, pool.graph, given.rows, given.labels, pool.num_classes)

    return Head("graph-probe", parameters, fit, lambda pool: pool.reduced)


HEADS = (_linear(10.0, "unit"), _linear(30.0, "centred"), _graph(), _graph(shares="free"))
"""Cheap candidates; the first is the one that evidence is relative to."""


def quick_heads(heads: Sequence[Head]) -> tuple[Head, ...]:
    """Return the heads whose fit takes next to no time: those that need no graph."""
    return tuple(head for head in heads if head.method == "linear-probe")


def choose_head(pool: PoolFeatures, given: Given, seed: int, heads: Sequence[Head] = HEADS) -> Choice:
    """Cross-fit all candidates, choose one, and estimate the accuracy of the whole procedure by outer folds."""
    trials = try_heads(pool, given, FOLDS, seed, heads)
    best = best_trial(trials, len(given.labels))
    reason = _reason(trials, best, len(given.labels))
    return Choice(best.method, best.parameters, reason, trials, outer_estimate(pool, given, seed, heads))


def try_heads(
    pool: PoolFeatures, given: Given, folds: int, seed: int, heads: Sequence[Head] = HEADS
) -> list[Trial]:  # fmt: skip
    """Cross-fit every candidate; without two labels of two classes they are judged by evidence alone."""
    per_class = len(given.labels) / pool.num_classes
    parts = stratified_folds(given.labels, folds, seed)
    return [_try(head, pool, given, parts, per_class) for head in heads]


def _try(head: Head, pool: PoolFeatures, given: Given, folds: Folds, per_class: float) -> Trial:
    evidence = expected_log_loss(head.method, head.parameters, per_class)
    if not folds:
        return Trial(head.method, head.parameters, evidence=evidence)
    begin = time.monotonic()
    held, logits = held_out_logits(lambda fit, out: head.logits(pool, given.part(fit), given.rows[out]), folds)
    labels = given.labels[held]
    accuracy, log_loss = float((logits.argmax(1) == labels).mean()), log_loss_at_best_temperature(logits, labels)
    return Trial(head.method, head.parameters, accuracy, log_loss, evidence, time.monotonic() - begin)


def best_trial(trials: list[Trial], num_labels: int) -> Trial:
    """Return the candidate with the least expected log-loss.

    The cross-fitted log-loss, relative to the first candidate's, is shrunk towards the evidence: the weight of the
    cross-fitting is L / (L + ``PRIOR``) with L labels.
    """
    weight = num_labels / (num_labels + PRIOR)

    def cost(trial: Trial) -> float:
        if trial.log_loss is None or trials[0].log_loss is None:
            return trial.evidence
        return weight * (trial.log_loss - trials[0].log_loss) + (1 - weight) * trial.evidence

    return min(trials, key=cost)


def outer_estimate(pool: PoolFeatures, given: Given, seed: int, heads: Sequence[Head] = HEADS) -> dict[str, Any] | None:
    """Estimate the accuracy of choosing and fitting, on labels that neither has seen; None without enough labels."""
    folds = stratified_folds(given.labels, OUTER_FOLDS, seed + 1)
    if not folds:
        return None

    def predict(fitted: np.ndarray, held: np.ndarray) -> np.ndarray:
        inner = given.part(fitted)
        trials = try_heads(pool, inner, OUTER_FOLDS, seed, heads)
        head = heads[trials.index(best_trial(trials, len(inner.labels)))]
        return head.logits(pool, inner, given.rows[held])

    rows, logits = held_out_logits(predict, folds)
    correct = int((logits.argmax(1) == given.labels[rows]).sum())
    low, high = wilson_interval(correct, len(rows))
    return {
        "accuracy": correct / len(rows), "accuracy_low": low, "accuracy_high": high, "num_images": len(rows),
        "folds": len(folds),
        "what": f"There is no test split, so this is an estimate: choice and fit of the method were repeated on "
        f"{len(folds)} parts of the labels and tested on the labels that were left out. The interval covers only the "
        "random choice of these images (binomial).",
    }  # fmt: skip


def _reason(trials: list[Trial], best: Trial, num_labels: int) -> str:
    """Explain the choice."""
    if best.log_loss is None:
        return "there are too few labels for cross-fitting, so evidence from other data sets decided"
    least = min(trials, key=lambda trial: np.inf if trial.log_loss is None else trial.log_loss)
    weight = num_labels / (num_labels + PRIOR)
    lead = "cross-fitted" if least is best else "expected"
    return (
        f"least {lead} log-loss of {len(trials)} candidates; cross-fitting on {num_labels} labels has a weight of "
        f"{weight:.0%}, evidence from other data sets the rest. The cross-fitted accuracy of the chosen candidate is "
        "optimistic, because it was chosen by it"
    )
