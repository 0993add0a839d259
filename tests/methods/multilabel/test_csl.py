"""CSL: three kinds of marks, and what is ignored (METHODS section 7)."""

import torch

from fewlabels.methods.multilabel.csl import ignored_marks, selective_losses

from .marked import TinyPool, batch, doubles, make, untouched_model

RARE = torch.zeros(3)


def test_unknown_marks_are_absences_of_their_own_gamma() -> None:
    logits, marks = doubles([[0.5, -1, 2]]), torch.tensor([[1, -1, 0]])
    losses = selective_losses(logits, marks, torch.zeros(1, 3, dtype=torch.bool), 0.0, 1.0, 4.0)
    assert abs(float(losses.sum()) - 1.8384624423) < 1e-9
    assert float(selective_losses(logits, marks, torch.tensor([[False, False, True]]), 0.0, 1.0, 4.0)[0, 2]) == 0


def test_the_likeliest_unknown_marks_of_the_batch_are_ignored() -> None:
    """One per image of two: both are in the second image. A known mark is never ignored, however likely."""
    p = torch.tensor([[0.99, 0.3, 0.2], [0.6, 0.7, 0.1]])
    marks = torch.tensor([[1, 0, 0], [0, 0, 0]])
    assert ignored_marks(p, marks, RARE, 0.05, 1).tolist() == [[False, False, False], [True, True, False]]


def test_unknown_marks_of_frequent_classes_are_ignored() -> None:
    p, prior = torch.full((2, 3), 0.5), torch.tensor([0.04, 0.06, 0.9])
    ignored = ignored_marks(p, torch.tensor([[0, 0, -1], [0, 1, 0]]), prior, 0.05, 0)
    assert ignored.tolist() == [[False, True, False], [False, False, True]]


def test_more_likeliest_than_there_are_is_all_that_is_unknown() -> None:
    marks = torch.tensor([[0, 1, -1], [0, 0, 0]])
    assert torch.equal(ignored_marks(torch.rand(2, 3), marks, RARE, 0.05, 5), marks == 0)


def test_the_first_round_learns_from_the_known_marks_alone() -> None:
    """Of logits .5 (present) and -1 (absent), as in the oracle without its unknown third."""
    method = make("csl", untouched_model(3))
    method.start_round(0, TinyPool(torch.tensor([[1, -1, -1], [-1, 0, 0]])))
    loss = method(batch((doubles([[0.5, -1, 2]]),), torch.tensor([[1, -1, 0]]))).terms["supervised"]
    assert abs(loss.item() - (0.4740769842 + 0.2689414214 * 0.3132616875)) < 1e-9


def test_a_class_without_a_known_absence_takes_the_unknown_for_absences_at_once() -> None:
    """Else its share of the images would be found to be 1, and all its unknown marks ignored."""
    method = make("csl", untouched_model(3), gamma_unknown=4.0)
    method.start_round(0, TinyPool(torch.tensor([[1, -1, 0], [-1, 0, 1]])))
    loss = method(batch((doubles([[0.5, -1, 2]]),), torch.tensor([[1, -1, 0]]))).terms["supervised"]
    assert abs(loss.item() - 1.8384624423) < 1e-9


def test_the_second_round_ignores_by_the_share_that_the_first_one_found() -> None:
    """The mean probabilities of two images are .02, .5 and .01: class 1 is frequent."""
    method = make("csl", untouched_model(3), likeliest=0, gamma_unknown=0.0)
    assert method.rounds == 2
    p = torch.tensor([[0.03, 0.9, 0.01], [0.01, 0.1, 0.01]])
    method.start_round(1, TinyPool(torch.zeros(2, 3, dtype=torch.int8), p))
    losses = method(batch((doubles([[0, 0, 0]]),), torch.zeros(1, 3), number=1))
    assert losses.kept is not None
    assert losses.kept.tolist() == [[True, False, True]]
    assert abs(losses.terms["supervised"].item() - 2 * 0.6931471806) < 1e-9
