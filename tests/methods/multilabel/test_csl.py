"""CSL: three kinds of marks (docs/papers/baselines.md, worked example CSL), ignored marks, and the two rounds."""

import torch

from fewlabels.methods.multilabel.csl import ignored_marks, selective_losses

from .marked import TinyPool, batch, doubles, make, untouched_model

RARE = torch.zeros(3)


def test_unknown_marks_are_absences_with_their_own_gamma() -> None:
    logits, marks = doubles([[0.5, -1, 2]]), torch.tensor([[1, -1, 0]])
    losses = selective_losses(logits, marks, torch.zeros(1, 3, dtype=torch.bool), 0.0, 1.0, 4.0)
    assert abs(float(losses.sum()) - 1.8384624423) < 1e-9
    assert float(selective_losses(logits, marks, torch.tensor([[False, False, True]]), 0.0, 1.0, 4.0)[0, 2]) == 0


def test_the_most_likely_unknown_marks_of_the_batch_are_ignored() -> None:
    """One per image of two, both in the second image. A known mark is never ignored, however likely."""
    p = torch.tensor([[0.99, 0.3, 0.2], [0.6, 0.7, 0.1]])
    marks = torch.tensor([[1, 0, 0], [0, 0, 0]])
    assert ignored_marks(p, marks, RARE, 0.05, 1).tolist() == [[False, False, False], [True, True, False]]


def test_unknown_marks_of_frequent_classes_are_ignored() -> None:
    p, prior = torch.full((2, 3), 0.5), torch.tensor([0.04, 0.06, 0.9])
    ignored = ignored_marks(p, torch.tensor([[0, 0, -1], [0, 1, 0]]), prior, 0.05, 0)
    assert ignored.tolist() == [[False, True, False], [False, False, True]]


def test_if_there_are_fewer_unknown_marks_all_are_ignored() -> None:
    marks = torch.tensor([[0, 1, -1], [0, 0, 0]])
    assert torch.equal(ignored_marks(torch.rand(2, 3), marks, RARE, 0.05, 5), marks == 0)


def test_the_first_round_uses_known_marks_only() -> None:
    """Logits .5 (present) and -1 (absent), as in the worked example without its unknown mark."""
    method = make("csl", untouched_model(3))
    method.start_round(0, TinyPool(torch.tensor([[1, -1, -1], [-1, 0, 0]])))
    loss = method(batch((doubles([[0.5, -1, 2]]),), torch.tensor([[1, -1, 0]]))).terms["supervised"]
    assert abs(loss.item() - (0.4740769842 + 0.2689414214 * 0.3132616875)) < 1e-9


def test_unknown_marks_of_a_class_without_known_absences_are_absent_in_the_first_round() -> None:
    """Otherwise the prior of the class would be 1 and all its unknown marks ignored."""
    method = make("csl", untouched_model(3), gamma_unknown=4.0)
    method.start_round(0, TinyPool(torch.tensor([[1, -1, 0], [-1, 0, 1]])))
    loss = method(batch((doubles([[0.5, -1, 2]]),), torch.tensor([[1, -1, 0]]))).terms["supervised"]
    assert abs(loss.item() - 1.8384624423) < 1e-9


def test_the_second_round_uses_the_priors_of_the_first() -> None:
    """The mean probabilities over two images are .02, .5 and .01: class 1 is frequent."""
    method = make("csl", untouched_model(3), likeliest=0, gamma_unknown=0.0)
    assert method.rounds == 2
    p = torch.tensor([[0.03, 0.9, 0.01], [0.01, 0.1, 0.01]])
    method.start_round(1, TinyPool(torch.zeros(2, 3, dtype=torch.int8), p))
    losses = method(batch((doubles([[0, 0, 0]]),), torch.zeros(1, 3), number=1))
    assert losses.kept is not None
    assert losses.kept.tolist() == [[True, False, True]]
    assert abs(losses.terms["supervised"].item() - 2 * 0.6931471806) < 1e-9
