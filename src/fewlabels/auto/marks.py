"""Candidates for ``--method auto`` in task ``multilabel`` that fit a head to cached features.

Legend: N images, D features, K classes; marks are 1 present, -1 absent, 0 unknown.
"""

import time

import numpy as np
from scipy.special import log_expit

from fewlabels.auto.choice import Choice, Trial
from fewlabels.auto.heads import FOLDS, PoolFeatures
from fewlabels.errors import UserError
from fewlabels.evaluation.folds import plain_folds
from fewlabels.methods.multilabel.linear_probe import fit_marks
from fewlabels.methods.probing import LinearProbeParameters

CANDIDATES = (LinearProbeParameters(), LinearProbeParameters(C=30.0, scaling="centred"))
"""Parameters of the linear probes that are tried."""


def choose_marks_head(pool: PoolFeatures, marks: np.ndarray, seed: int) -> Choice:
    """Cross-fit all candidates on the known marks, and choose one.

    Args:
        pool: features of N images.
        marks: (N, K) int8, the marks that training sees.
        seed: of the folds.

    Raises:
        UserError: if no mark is known.
    """
    annotated = np.flatnonzero((marks != 0).any(1))
    if not len(annotated):
        raise UserError("no mark is known; mark some classes as present (1) or absent (0)")
    trials = [_try(p, pool, marks, annotated, seed) for p in CANDIDATES]
    if len(annotated) < 2:
        return Choice(trials[0].method, trials[0].parameters, "a single annotated image can't be cross-fitted", trials)
    best = min(trials, key=lambda trial: np.inf if trial.log_loss is None else trial.log_loss)
    reason = f"least cross-fitted log-loss of {len(trials)} candidates on {int((marks != 0).sum())} known marks"
    return Choice(best.method, best.parameters, reason, trials)


def _try(p: LinearProbeParameters, pool: PoolFeatures, marks: np.ndarray, annotated: np.ndarray, seed: int) -> Trial:
    """Cross-fit one candidate, unless there are fewer than two annotated images."""
    given = {} if p == LinearProbeParameters() else {"C": p.C, "scaling": p.scaling}
    if len(annotated) < 2:
        return Trial("linear-probe", given)
    begin, features = time.monotonic(), pool.scaled(p.scaling)
    losses, correct = [], []
    for fit, held in plain_folds(annotated, FOLDS, seed):
        found = fit_marks(features[fit], marks[fit], p.C)
        margins = (found.logits(features[held]) * marks[held])[marks[held] != 0]
        losses.append(-log_expit(margins))
        correct.append(margins > 0)
    accuracy, log_loss = float(np.concatenate(correct).mean()), float(np.concatenate(losses).mean())
    return Trial("linear-probe", given, accuracy, log_loss, seconds=time.monotonic() - begin)
