"""SPLC: margin, then correction, then focal weight (docs/papers/baselines.md, worked example SPLC)."""

import torch

from fewlabels.methods.multilabel.splc import corrected_losses

from .marked import batch, doubles, make, untouched_model

LOGITS, MARKS = doubles([[2, 1, -1]]), torch.tensor([[1, 0, 0]])


def test_corrected_marks_have_no_margin() -> None:
    """.0679741725; with a margin on corrected marks it would be .2186029102."""
    losses, found = corrected_losses(LOGITS, MARKS, 0.6, 1.0, 2.0)
    assert found.tolist() == [[False, True, False]]
    assert abs(float(losses.sum()) - 0.0679741725) < 1e-9


def test_no_mark_is_corrected_before_the_start() -> None:
    """Class 1 counts as absent then: p^2 * -log(1 - p) with p .7310586 is .7018683 instead of .0226581."""
    method = make("splc", untouched_model(3), start=0.1)
    early, late = (method(batch((LOGITS,), MARKS, progress)) for progress in (0.09, 0.1))
    assert early.kept is not None
    assert late.kept is not None
    assert (int(early.kept.sum()), int(late.kept.sum())) == (0, 1)
    assert abs(late.terms["supervised"].item() - 0.0679741725) < 1e-9
    assert abs(float(early.terms["supervised"] - late.terms["supervised"]) - (0.7018683034 - 0.0226580575)) < 1e-9


def test_a_known_absence_is_not_corrected() -> None:
    _, found = corrected_losses(LOGITS, torch.tensor([[1, -1, 0]]), 0.6, 1.0, 2.0)
    assert not found.any()


def test_only_presences_are_accepted() -> None:
    accepted = make("splc", untouched_model(3)).accepts(torch.tensor([[0.61, 0.6, 0.01]]))
    assert accepted.tolist() == [[True, False, False]]
