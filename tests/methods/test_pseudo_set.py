"""The set of pseudo-labelled images, and Pseudo-Label in epochs (docs/papers/student-report.md, T-1, S19 and S20)."""

import numpy as np
import pytest
import torch
from tests.methods.linear import batch, identity_model, problem
from torch import Tensor

from fewlabels.methods.classify.pseudo_label_epochs import PseudoLabelEpochs, PseudoLabelEpochsParameters
from fewlabels.methods.method import Problem
from fewlabels.methods.pseudo_set import PseudoSet, most_confident, predicted_labels, unlabelled_rows
from fewlabels.models.classifier import Classifier
from fewlabels.models.inference import probabilities
from fewlabels.training.pool import TrainingPool

T1 = [[3, 0, 0], [1, 0.5, 0], [0, 2, 1.9], [0, 0, 4]]
"""Logits of T-1: confidence .909443, .506480, .490155, .964663; classes 0, 0, 1, 2."""


def pool_of(
    features: Tensor, labelled: list[int], labels: list[int], model: Classifier, rows: list[int] | None = None
) -> TrainingPool:
    """Return the real pool on images that are these features (N, D), with all rows unless some are given."""
    streamed = torch.arange(len(features)) if rows is None else torch.tensor(rows)
    return TrainingPool(
        probabilities,
        model,
        lambda rows: [features[rows]],
        streamed,
        torch.tensor(labelled, dtype=torch.int64),
        torch.tensor(labels),
    )


def empty_pool(size: int) -> TrainingPool:
    return pool_of(torch.zeros(size, 2), [], [], identity_model())


def surprise(logits: Tensor, labels: list[int]) -> np.ndarray:
    """Cross-entropy of each row, by numpy in float64."""
    z = logits.numpy().astype(np.float64)
    return np.log(np.exp(z).sum(1)) - z[range(len(z)), labels]


# Two labelled images, rows 0 and 1, and a pool of eight of which rows 2, 4 and 7 are in the set.

LABELLED = torch.tensor([[1.0, 0], [0.5, 2]])
OWN = torch.tensor([[9.0, 0], [0, 9], [2, 0], [7, 7], [0, 1], [8, 0], [1, 5], [0.5, 0]])
SET = {2: 0, 4: 0, 7: 1}


def filled(problem: Problem) -> PseudoSet:
    pseudo = PseudoSet(problem)
    certainty = torch.tensor([0.9, 0.0, 0.5, 0.7])  # row 5 was not confident
    pseudo.replace(empty_pool(8), torch.tensor([2, 5, 4, 7]), torch.tensor([0, 1, 0, 1]), certainty)
    return pseudo


@pytest.mark.parametrize("labelled_weight", [1.0, 3.0])
def test_one_pass_over_both_streams_gives_the_mean_over_the_union(labelled_weight: float) -> None:
    pseudo, rows = filled(problem()), torch.arange(8)
    supervised = torch.tensor(surprise(LABELLED, [0, 1]).mean())
    terms = pseudo.union_losses(supervised, OWN.double(), rows, torch.ones(8), labelled_weight)
    theirs, own = surprise(LABELLED, [0, 1]), surprise(OWN[list(SET)], list(SET.values()))
    expected = (labelled_weight * theirs.sum() + own.sum()) / (labelled_weight * 2 + 3)
    assert float(terms["supervised"] + terms["unlabelled"]) == pytest.approx(expected, abs=1e-6)


def test_the_mean_over_batches_of_the_pool_is_that_of_one_pass() -> None:
    """So the weights of both parts depend neither on the size nor on the content of a batch."""
    pseudo, zero, ones = filled(problem()), torch.tensor(0.0), torch.ones(2)
    order = torch.tensor([[3, 7], [0, 2], [6, 4], [5, 1]])
    parts = [float(pseudo.union_losses(zero, OWN[rows], rows, ones)["unlabelled"]) for rows in order]
    assert np.mean(parts) == pytest.approx(surprise(OWN[list(SET)], list(SET.values())).sum() / 5, abs=1e-6)


def test_image_weights_do_not_change_the_divisor() -> None:
    pseudo, rows = filled(problem()), torch.arange(8)
    weights = torch.tensor([9.0, 9, 0.5, 9, 0.25, 9, 9, 0])  # images outside the set must not contribute
    terms = pseudo.union_losses(torch.tensor(0.0), OWN, rows, weights)
    own = surprise(OWN[list(SET)], list(SET.values()))
    assert terms["unlabelled"].item() == pytest.approx((0.5 * own[0] + 0.25 * own[1]) / 5, abs=1e-6)


@pytest.mark.parametrize("replaced", [False, True])
def test_an_empty_set_gives_the_labelled_part_alone(replaced: bool) -> None:
    pseudo, rows = PseudoSet(problem()), torch.arange(8)
    if replaced:
        pseudo.replace(empty_pool(8), rows, torch.zeros(8, dtype=torch.int64), torch.zeros(8))
    logits = OWN.clone().requires_grad_()
    terms = pseudo.union_losses(torch.tensor(0.7), logits, rows, torch.ones(8), 5.0)
    terms["unlabelled"].backward()
    assert terms["supervised"].item() == pytest.approx(0.7)
    assert terms["unlabelled"].item() == 0
    assert logits.grad is not None
    assert not logits.grad.any()


def test_replacing_clears_the_set_and_adding_does_not() -> None:
    pseudo, rows = filled(problem()), torch.arange(8)
    pseudo.add(empty_pool(8), torch.tensor([4, 0, 2]), torch.tensor([1, 1, 1]), torch.tensor([0.8, 0.8, 0.0]))
    assert pseudo.member(rows).nonzero()[:, 0].tolist() == [0, 2, 4, 7]
    assert pseudo.labels[[0, 2, 4, 7]].tolist() == [
        1,
        0,
        1,
        1,
    ]  # row 4 has its new label, row 2 was not confident this time
    assert pseudo.selected.item() == 4
    pseudo.replace(empty_pool(8), torch.tensor([6]), torch.tensor([1]), torch.tensor([0.3]))
    assert pseudo.member(rows).nonzero()[:, 0].tolist() == [6]
    assert pseudo.selected.item() == 1


def test_rows_with_a_given_label_are_not_pseudo_labelled() -> None:
    found = unlabelled_rows(pool_of(torch.zeros(6, 2), [1, 4, 5], [0, 1, 0], identity_model(), rows=[0, 1, 2, 4]))
    assert found.tolist() == [0, 2]
    assert len(unlabelled_rows(pool_of(torch.zeros(2, 2), [0, 1], [0, 1], identity_model()))) == 0


def test_predictions_are_softmax_and_argmax() -> None:
    """T-1."""
    model = identity_model(3)
    labels, confidence = predicted_labels(pool_of(torch.tensor(T1), [], [], model), model, torch.tensor([3, 0, 1, 2]))
    assert labels.tolist() == [2, 0, 0, 1]
    assert confidence.tolist() == pytest.approx([0.964663, 0.909443, 0.506480, 0.490155], abs=1e-6)


@pytest.mark.parametrize("share", [0.2, 0.4, 0.6000000000000001, 0.8, 1.0, 1.2])
def test_the_most_confident_images_are_those_from_numpys_percentile_on(share: float) -> None:
    """Confidences are tenths, so that there are ties; the authors of CL call numpy's percentile."""
    confidence = np.random.default_rng(1).integers(1, 11, 37) / 10
    expected = confidence >= np.percentile(confidence, max(0, 100 * (1 - share)))
    assert most_confident(torch.from_numpy(confidence), share).tolist() == expected.tolist()


def test_ties_are_all_taken_and_of_no_images_none() -> None:
    assert most_confident(torch.full((5,), 0.3), 0.2).all()
    assert most_confident(torch.zeros(0), 0.2).shape == (0,)


# Pseudo-Label in epochs.


def epochs_method(model: Classifier, epochs: float = 300, images: int = 4, **values: object) -> PseudoLabelEpochs:
    parameters = PseudoLabelEpochsParameters(**values)  # pyright: ignore[reportArgumentType]
    return PseudoLabelEpochs(model, parameters, Problem(model.num_classes, images, num_labelled=2, epochs=epochs))


@pytest.mark.parametrize(
    ("threshold", "members"), [(0.95, [0, 0, 0, 1]), (0.75, [1, 0, 0, 1]), (0.6, [1, 0, 0, 1]), (0.5, [1, 1, 0, 1])]
)
def test_confident_images_are_selected_with_their_predicted_class(threshold: float, members: list[int]) -> None:
    """T-1."""
    model = identity_model(3)
    method = epochs_method(model, threshold=threshold, warmup=0.0)
    method.start_round(0, pool_of(torch.tensor(T1), [], [], model))
    assert method.pseudo.member(torch.arange(4)).int().tolist() == members
    assert method.pseudo.labels.tolist() == [label * sure for label, sure in zip([0, 0, 1, 2], members, strict=True)]


def test_a_confidence_equal_to_the_threshold_is_not_enough() -> None:
    """docs/papers/student-report.md, S19: strictly above; two equal logits give a confidence of exactly one half."""
    model = identity_model()
    method = epochs_method(model, threshold=0.5, warmup=0.0)
    method.start_round(0, pool_of(torch.tensor([[0.0, 0], [0, 0.1]]), [], [], model))
    assert method.pseudo.member(torch.arange(2)).tolist() == [False, True]
    assert method.accepts(torch.tensor([[0.5, 0.5], [0.6, 0.4]])).tolist() == [False, True]


def test_the_first_ten_of_three_hundred_epochs_use_the_labels_alone() -> None:
    model = identity_model(3)
    method = epochs_method(model)
    assert method.rounds == 300
    found = []
    for number in range(12):
        method.start_round(number, pool_of(torch.tensor(T1), [], [], model))
        found.append(int(method.pseudo.selected))
    assert found == [0] * 10 + [1, 1]


def test_a_short_run_still_has_an_epoch_on_the_labels_alone() -> None:
    model = identity_model(3)
    method = epochs_method(model, epochs=2.2)
    assert method.rounds == 2
    assert epochs_method(model, epochs=0.1).rounds == 1
    method.start_round(0, pool_of(torch.tensor(T1), [], [], model))
    assert method.pseudo.selected.item() == 0
    method.start_round(1, pool_of(torch.tensor(T1), [], [], model))
    assert method.pseudo.selected.item() == 1


@pytest.mark.parametrize(
    ("accumulate", "members", "labels"), [(False, [False, True, True], [1, 0]), (True, [True, True, True], [1, 0])]
)
def test_the_set_is_rebuilt_unless_it_accumulates(accumulate: bool, members: list[bool], labels: list[int]) -> None:
    """docs/papers/student-report.md, S20: image 0 is confident only at first, 2 only later, and 1 changes its class."""
    model = identity_model()
    method = epochs_method(model, images=3, warmup=0.0, accumulate=accumulate)
    for features in ([[9.0, 0], [9, 0], [0, 1]], [[1.0, 0], [0, 9], [9, 0]]):
        method.start_round(0, pool_of(torch.tensor(features), [], [], model))
    assert method.pseudo.member(torch.arange(3)).tolist() == members
    assert method.pseudo.labels[1:].tolist() == labels


def test_the_set_is_empty_when_no_image_is_confident() -> None:
    """docs/papers/student-report.md, S20: the report's code would keep the previous set."""
    model = identity_model()
    method = epochs_method(model, images=2, warmup=0.0)
    method.start_round(1, pool_of(torch.tensor([[9.0, 0], [0, 9]]), [], [], model))
    method.start_round(2, pool_of(torch.tensor([[0.1, 0], [0, 0.1]]), [], [], model))
    assert method.pseudo.selected.item() == 0


def test_labelled_images_of_the_pool_are_not_selected() -> None:
    model = identity_model()
    method = epochs_method(model, images=3, warmup=0.0)
    method.start_round(0, pool_of(torch.tensor([[9.0, 0], [0, 9], [9, 0]]), [0], [1], model))
    assert method.pseudo.member(torch.arange(3)).tolist() == [False, True, True]


def test_the_loss_is_the_cross_entropy_over_the_union_with_the_labels_of_the_round() -> None:
    """The views differ from those of the round's start: row 3 is now predicted as class 0, but its label stays 1."""
    model = identity_model()
    method = epochs_method(model, warmup=0.0)
    plain = torch.tensor([[9.0, 0], [0, 9], [1, 0], [0, 9]])
    method.start_round(0, pool_of(plain, [0, 1], [0, 1], model))
    views = torch.tensor([[9.0, 0], [0, 9], [1, 0], [2, 0]])
    terms, kept = method(batch(LABELLED, [0, 1], [views]))
    assert kept is not None
    assert kept.tolist() == [False, False, False, True]
    theirs, own = surprise(LABELLED, [0, 1]), surprise(views[3:], [1])
    assert terms["supervised"].item() == pytest.approx(theirs.sum() / 3, abs=1e-6)
    assert terms["unlabelled"].item() == pytest.approx(own.sum() / 3, abs=1e-6)
