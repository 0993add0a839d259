"""Dual Student: stability, which student teaches, and the negatives."""

import pytest
import torch
from torch import Tensor, nn

from fewlabels.errors import UserError
from fewlabels.methods.classify.dual_student import (
    DualStudent,
    DualStudentParameters,
    is_stable,
    mean_where,
    teaches,
)
from fewlabels.methods.method import Batch, Labelled, Problem, Unlabelled
from fewlabels.models.classifier import Classifier, Ensemble, SingleClassifier
from fewlabels.randomness import Draws

PROBLEM = Problem(num_classes=3, num_images=8, num_labelled=2, epochs=1)


def test_a_stable_student_predicts_one_class_on_both_views_and_is_confident_on_one() -> None:
    own = torch.tensor([[0.9, 0.1, 0], [0.5, 0.3, 0.2], [0.9, 0.1, 0], [0.6, 0.4, 0], [0.8, 0.2, 0]])
    other = torch.tensor([[0.5, 0.3, 0.2], [0.9, 0.1, 0], [0.05, 0.95, 0], [0.7, 0.3, 0], [0.8, 0.2, 0]])
    assert is_stable(own, other, 0.8).tolist() == [True, True, False, False, False]


def test_the_stable_student_teaches_and_of_two_the_more_consistent_one() -> None:
    """Stable are both, one, the other, none; of two stable ones the first, the second, or both at equal distance."""
    stable = torch.tensor([True, True, False, False, True, True])
    other_stable = torch.tensor([True, False, True, False, True, True])
    distance = torch.tensor([0.1, 0.9, 0.1, 0.1, 0.9, 0.5])
    other_distance = torch.tensor([0.2, 0.1, 0.9, 0.2, 0.2, 0.5])
    assert teaches(stable, other_stable, distance, other_distance).tolist() == [True, True, False, False, False, True]
    assert teaches(other_stable, stable, other_distance, distance).tolist() == [False, False, True, False, True, True]


def test_the_mean_over_no_images_is_zero() -> None:
    values = torch.tensor([1.0, 2, 6], requires_grad=True)
    assert mean_where(values, torch.tensor([True, False, True])).item() == pytest.approx(3.5)
    nothing = mean_where(values, torch.zeros(3, dtype=torch.bool))
    nothing.backward()
    assert nothing.item() == 0
    assert values.grad is not None
    assert not values.grad.any()


def linear(scale: float) -> Classifier:
    head = nn.Linear(3, 3, bias=False)
    head.weight.data = scale * torch.eye(3)
    return SingleClassifier(nn.Identity(), head, 3, 3)


def make(first: float, second: float, **parameters: object) -> DualStudent:
    """Return students whose logits are multiples of the features; their second heads give half of that."""
    method = DualStudent(
        Ensemble([linear(first), linear(second)]),
        DualStudentParameters(**parameters),  # pyright: ignore[reportArgumentType]
        PROBLEM,
    )
    for head, scale in zip(method.heads, (first, second), strict=True):
        assert isinstance(head, nn.Linear)
        head.weight.data = scale / 2 * torch.eye(3)
        head.bias.data.zero_()
    return method


VIEWS = (
    torch.tensor([[1.0, 0, 0], [0, 1, 0.5], [0, 0, 1]]),
    torch.tensor([[1.0, 0.2, 0], [0, 0.8, 0], [1, 0, 0.5]]),
)
"""Two views of three images; on the third the predictions of both students differ between the views."""
LABELLED = torch.tensor([[1.0, 0, 0], [0, 1, 0]])


def batch(progress: float = 1.0) -> Batch:
    return Batch(
        Labelled((LABELLED, LABELLED), torch.tensor([0, 1]), torch.arange(2)),
        Unlabelled(VIEWS, torch.arange(3)),
        0,
        progress,
        Draws(3, torch.arange(3)),
    )


def squared(logits: Tensor, target: Tensor) -> Tensor:
    return (logits.softmax(1) - target).square().mean(1)


def test_the_stable_student_teaches_the_unstable_one() -> None:
    """The first is confident (logits 9), the second is not (logits 0.1); the third image contributes nothing."""
    method = make(9.0, 0.1)
    losses = method(batch())
    expected = 100 * squared(0.05 * VIEWS[1], (9 * VIEWS[0]).softmax(1))[:2].sum() / 3
    assert losses.terms["stabilisation"].item() == pytest.approx(expected.item(), rel=1e-5)
    assert losses.kept is not None
    assert losses.kept.tolist() == [True, True, False]
    losses.terms["stabilisation"].backward()
    grads = {name: w.grad is not None and bool(w.grad.any()) for name, w in method.named_parameters()}
    assert {name for name, moved in grads.items() if moved} == {"heads.1.weight", "heads.1.bias"}


def test_unstable_students_do_not_teach() -> None:
    losses = make(0.1, 0.2)(batch())
    assert losses.terms["stabilisation"].item() == 0
    assert losses.kept is not None
    assert not losses.kept.any()


def test_the_consistency_and_logit_distance_terms() -> None:
    terms = make(2.0, 3.0, consistency=7.0, logit_distance=0.5)(batch()).terms
    consistency = sum(
        squared(scale / 2 * own, (scale * other).softmax(1)).mean()
        for scale, own, other in ((2.0, *VIEWS), (3.0, *VIEWS[::-1]))
    )
    assert terms["consistency"].item() == pytest.approx(7 * float(consistency), rel=1e-5)
    coupling = sum(
        (scale / 2 * torch.cat([LABELLED, own])).square().mean() for scale, own in ((2.0, VIEWS[0]), (3.0, VIEWS[1]))
    )
    assert terms["logit_distance"].item() == pytest.approx(0.5 * float(coupling), rel=1e-5)


def test_unlabelled_images_reach_the_classification_head_through_the_logit_distance_only() -> None:
    method = make(9.0, 3.0, negatives=1)
    terms = method(batch()).terms
    (terms["consistency"] + terms["stabilisation"] + terms["negatives"]).backward(retain_graph=True)
    assert all(w.grad is None or not w.grad.any() for w in method.model.parameters())
    terms["logit_distance"].backward()
    assert all(w.grad is not None and w.grad.any() for w in method.model.parameters())


def test_consistency_and_stabilisation_start_near_zero() -> None:
    """At exp(-5) of their weights."""
    start, end = (make(9.0, 0.1)(batch(progress)).terms for progress in (0.0, 1.0))
    for name in ("consistency", "stabilisation"):
        assert start[name].item() / end[name].item() == pytest.approx(0.0067379, rel=1e-4)


def test_negatives_are_used_where_a_student_is_not_taught() -> None:
    """docs/papers/dnll.md, D22, with m = K - 1: the other's prediction on the same view, averaged over these images.

    The second student is taught by the first on two images and gets negatives on the third; the first is never taught
    and gets negatives on all three.
    """
    terms = make(9.0, 0.1, negatives=2, negatives_weight=3.0)(batch()).terms

    def loss(logits: Tensor, label: Tensor) -> Tensor:
        surprise = -torch.log(1 - logits.double().softmax(1))
        return (surprise.sum(1) - surprise.gather(1, label[:, None])[:, 0]) / 2

    second = loss(0.05 * VIEWS[1], VIEWS[1].argmax(1))[2]
    first = loss(4.5 * VIEWS[0], VIEWS[0].argmax(1)).mean()
    assert terms["negatives"].item() == pytest.approx(3 * float(first + second), rel=1e-5)
    assert "negatives" not in make(9.0, 0.1)(batch()).terms


@pytest.mark.parametrize("wrong", [{"negatives": 3}, {"stable": 1.5}, {"ramp": -1.0}, {"stabilisation": -1}])
def test_impossible_values_are_refused(wrong: dict) -> None:
    with pytest.raises(UserError, match=f"--method.{next(iter(wrong))}"):
        DualStudentParameters(**wrong).validate(3)
    DualStudentParameters(negatives=1).validate(2)
