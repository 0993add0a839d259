"""Candidates for ``--method auto`` in task ``multilabel`` that fit a head to cached features.

Legend: N images, D features, K classes; marks are 1 present, -1 absent, 0 unknown.
"""

import time

import numpy as np
from scipy.special import log_expit
from sklearn.model_selection import KFold

from fewlabels.auto.choice import Choice, Trial
from fewlabels.auto.evidence import expected_mark_loss
from fewlabels.auto.heads import FOLDS, PRIOR, PoolFeatures
from fewlabels.errors import UserError
from fewlabels.methods.multilabel.linear_probe import fit_marks
from fewlabels.methods.probing import LinearProbeParameters

CANDIDATES = (LinearProbeParameters(), LinearProbeParameters(C=30.0, scaling="centred"))
"""Parameters of the linear probes that are tried; the first is the one that evidence is relative to."""


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
    known = int((marks != 0).sum())
    trials = [_try(p, pool, marks, annotated, seed) for p in CANDIDATES]
    weight = known / (known + PRIOR)

    def cost(trial: Trial) -> float:
        if trial.log_loss is None or trials[0].log_loss is None:
            return trial.evidence
        return weight * (trial.log_loss - trials[0].log_loss) + (1 - weight) * trial.evidence

    best = min(trials, key=cost)
    reason = (
        f"least expected log-loss of {len(trials)} candidates; cross-fitting on {known} marks has a weight of "
        f"{weight:.0%}, evidence from other data sets the rest"
    )
    return Choice(best.method, best.parameters, reason, trials)


def _try(p: LinearProbeParameters, pool: PoolFeatures, marks: np.ndarray, annotated: np.ndarray, seed: int) -> Trial:
    """Cross-fit one candidate; with fewer than two annotated images it is judged by evidence alone."""
    default = p == LinearProbeParameters()
    given = {} if default else {"C": p.C, "scaling": p.scaling}
    trial = Trial("linear-probe", given, evidence=expected_mark_loss("linear-probe", given))
    if len(annotated) < 2:
        return trial
    begin, features = time.monotonic(), pool.centred if p.scaling == "centred" else pool.unit
    splitter = KFold(min(FOLDS, len(annotated)), shuffle=True, random_state=seed % (1 << 32))
    losses, correct = [], []
    for fit, held in splitter.split(annotated):
        found = fit_marks(features[annotated[fit]], marks[annotated[fit]], p.C)
        margins = (found.logits(features[annotated[held]]) * marks[annotated[held]])[marks[annotated[held]] != 0]
        losses.append(-log_expit(margins))
        correct.append(margins > 0)
    accuracy, log_loss = float(np.concatenate(correct).mean()), float(np.concatenate(losses).mean())
    return Trial(trial.method, given, accuracy, log_loss, trial.evidence, time.monotonic() - begin)
