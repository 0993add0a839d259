"""Partial-BCE: weights (docs/papers/saliency-regularization.md, S-3), and the curriculum."""

import torch

from fewlabels.methods.multilabel.partial_bce import known_share_weights, partial_bce

from .marked import TinyPool, batch, doubles, make, untouched_model

LOGITS = doubles([[1.5, -1, 0, 0.3], [0.2, -0.4, 2, -2]])
MARKS = torch.tensor([[1, -1, 0, 0], [-1, -1, 1, -1]])


def test_the_loss_is_that_of_the_worked_example() -> None:
    assert abs(float(partial_bce(LOGITS, MARKS)) - 0.4031046135) < 1e-6
    found = make("partial-bce", untouched_model(4), classes=4)(batch((LOGITS,), MARKS))
    assert abs(found.terms["supervised"].item() - 0.4031046135) < 1e-6


def test_the_fewer_marks_are_known_the_more_each_weighs() -> None:
    marks = torch.zeros(3, 10)
    marks[0, :5], marks[1], marks[2, 0] = 1, -1, 1
    expected = torch.tensor([3.225, 1, 5.005])
    torch.testing.assert_close(known_share_weights(marks, -4.45, 5.45, 1), expected)


def test_the_curriculum_adds_confident_marks_after_a_round() -> None:
    """sigmoid(2) is .8808: .9 and .1 are added, .87 is not, and a known mark does not change."""
    method = make("partial-bce", untouched_model(4), classes=4, rounds=3)
    assert method.rounds == 3
    logits, marks = LOGITS[:1], torch.tensor([[0, 0, 0, -1]], dtype=torch.int8)
    before = method(batch((logits,), marks))
    method.start_round(0, TinyPool(marks))
    method.start_round(1, TinyPool(marks, torch.tensor([[0.9, 0.1, 0.87, 0.99]])))
    after = method(batch((logits,), marks, number=1))
    assert before.kept is not None
    assert after.kept is not None
    assert not before.kept.any()
    assert after.kept.tolist() == [[True, True, False, False]]
    expected = partial_bce(logits, torch.tensor([[1, -1, 0, -1]]))
    assert abs(after.terms["supervised"].item() - float(expected)) < 1e-12


def test_each_round_replaces_the_added_marks() -> None:
    method = make("partial-bce", untouched_model(2), classes=2, rounds=3)
    marks = torch.zeros(1, 2, dtype=torch.int8)
    method.start_round(1, TinyPool(marks, torch.tensor([[1.0, 0.0]])))
    first = method(batch((LOGITS[:1, :2],), marks, number=1)).kept
    method.start_round(2, TinyPool(marks, torch.tensor([[0.5, 0.0]])))
    second = method(batch((LOGITS[:1, :2],), marks, number=2)).kept
    assert first is not None
    assert second is not None
    assert (first.tolist(), second.tolist()) == ([[True, True]], [[False, True]])


def test_marks_that_the_curriculum_would_add_are_accepted() -> None:
    accepted = make("partial-bce", untouched_model(3)).accepts(torch.tensor([[0.89, 0.87, 0.1]]))
    assert accepted.tolist() == [[True, False, True]]
