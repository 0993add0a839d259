"""Curriculum Labeling: selection by percentiles, labels from the weight average, new weights in each round."""

from math import ceil
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from tests.methods.linear import batch, identity_model
from tests.tiny import tiny_options, write_tiny
from torch import Tensor
from torch.nn.functional import cross_entropy

from fewlabels.methods.classify.curriculum_labeling import (
    CurriculumLabeling,
    CurriculumLabelingParameters,
    class_weights,
)
from fewlabels.methods.method import Problem
from fewlabels.models.classifier import Classifier
from fewlabels.models.inference import probabilities
from fewlabels.run.train import train
from fewlabels.training.pool import TrainingPool

IMAGES = 23
LABELLED = [0, 1, 2]
FEATURES = torch.from_numpy(np.random.default_rng(3).normal(size=(IMAGES, 2))).float()
OTHERS = [row for row in range(IMAGES) if row not in LABELLED]


def numpy_predictions(features: Tensor) -> tuple[np.ndarray, np.ndarray]:
    """Return labels and confidences of logits (N, 2)."""
    z = features.numpy().astype(np.float64)
    p = np.exp(z) / np.exp(z).sum(1, keepdims=True)
    return p.argmax(1), p.max(1)


def method(**values: object) -> CurriculumLabeling:
    parameters = CurriculumLabelingParameters(**values)  # pyright: ignore[reportArgumentType]
    return CurriculumLabeling(identity_model(), parameters, Problem(2, IMAGES, len(LABELLED), epochs=10))


def pool(averaged: Classifier) -> TrainingPool:
    rows = torch.arange(IMAGES)
    return TrainingPool(
        probabilities,
        averaged,
        lambda rows: [FEATURES[rows]],
        rows,
        torch.tensor(LABELLED),
        torch.tensor([0, 1, 0]),
    )


def members(made: CurriculumLabeling) -> list[int]:
    return made.pseudo.member(torch.arange(IMAGES)).nonzero()[:, 0].tolist()


@pytest.mark.parametrize(("step", "rounds"), [(0.2, 6), (0.1, 11), (0.3, 5), (0.5, 3), (1.0, 2)])
def test_there_is_one_round_on_the_labels_and_one_per_percentile(step: float, rounds: int) -> None:
    assert method(step=step).rounds == rounds


def test_the_first_round_has_no_pseudo_labels() -> None:
    made = method()
    made.start_round(0, pool(made.model))
    assert members(made) == []


@pytest.mark.parametrize("step", [0.2, 0.3])
def test_each_round_selects_the_images_above_the_next_percentile(step: float) -> None:
    """By numpy's percentile over the images without a label; the last round has all of them."""
    made = method(step=step)
    labels, confidence = numpy_predictions(FEATURES[OTHERS])
    for number in range(1, made.rounds):
        made.start_round(number, pool(made.model))
        sure = confidence >= np.percentile(confidence, max(0, 100 - 100 * step * number))
        assert members(made) == [row for row, taken in zip(OTHERS, sure, strict=True) if taken]
        assert len(members(made)) >= min(len(OTHERS), ceil(step * number * len(OTHERS) - 1))
        assert made.pseudo.labels[OTHERS][torch.from_numpy(sure)].tolist() == labels[sure].tolist()
    assert members(made) == OTHERS


def test_labels_come_from_the_average_of_the_previous_round_and_replace_earlier_ones() -> None:
    """At that moment the model already has the initial weights of the next round."""
    made = method(step=1.0)
    made.start_round(1, pool(made.model))
    before = made.pseudo.labels[OTHERS].clone()
    averaged = identity_model()
    assert isinstance(averaged.head.weight, Tensor)
    averaged.head.weight.data = torch.tensor([[0.0, 1], [1, 0]])
    made.start_round(1, pool(averaged))
    assert torch.equal(made.pseudo.labels[OTHERS], 1 - before)


def test_the_loss_is_the_mean_over_labelled_and_selected_images_weighted_by_class() -> None:
    """Torch's own weighted mean, with the weights (N - n) / n of the authors' code."""
    made = method()
    made.start_round(1, pool(made.model))
    chosen = members(made)
    labels = torch.tensor([0, 1, 0, *made.pseudo.labels[chosen].tolist()])
    labelled, views = torch.tensor([[1.0, 0], [0, 2], [0.5, 0]]), -FEATURES
    terms, kept = made(batch(labelled, [0, 1, 0], [views]))
    counts = labels.bincount(minlength=2).double()
    assert counts[0] != counts[1]
    logits = torch.cat([labelled, views[chosen]]).double()
    expected = cross_entropy(logits, labels, weight=(len(labels) - counts) / counts)
    assert (terms["supervised"] + terms["unlabelled"]).item() == pytest.approx(expected.item(), abs=1e-6)
    assert kept is not None
    assert kept.nonzero()[:, 0].tolist() == chosen


def test_class_weights_by_hand() -> None:
    """(4 - n) / n is 1, 3, 3 for 2, 1, 1 images, with a mean of 2 over the images; a missing class has none."""
    assert class_weights(torch.tensor([2, 1, 0, 1])).tolist() == pytest.approx([0.5, 1.5, 0, 1.5])
    assert class_weights(torch.tensor([0, 3])).tolist() == [0, 1]


def test_the_weight_of_labelled_images_can_be_raised() -> None:
    """With 3 labelled images of weight 4 and 20 selected ones, the labelled part is 12/32 of the loss."""
    made = method(step=1.0, labelled_weight=4.0)
    made.start_round(1, pool(made.model))
    made.class_weights.fill_(1)
    terms, _ = made(batch(torch.zeros(3, 2), [0, 1, 0], [torch.zeros(IMAGES, 2)]))
    assert terms["supervised"].item() == pytest.approx(12 / 32 * np.log(2), abs=1e-6)
    assert terms["unlabelled"].item() == pytest.approx(20 / 32 * np.log(2), abs=1e-6)


def test_labelled_images_count_with_their_weight() -> None:
    made = method(step=1.0, labelled_weight=4.0)
    made.start_round(1, pool(made.model))
    found = made.pseudo.labels[OTHERS].bincount(minlength=2)
    first, second = 8 + int(found[0]), 4 + int(found[1])
    assert made.class_weights.tolist() == pytest.approx([32 * second / first / 32, 32 * first / second / 32])


def test_each_round_starts_from_the_initial_weights(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The labels are still predicted by the trained average."""
    seen: list[tuple[Tensor, Tensor]] = []
    start_round = CurriculumLabeling.start_round

    def noted(self: CurriculumLabeling, number: int, pool: TrainingPool) -> None:
        heads = [model.head.weight for model in (self.model, pool.averaged)]
        assert all(isinstance(head, Tensor) for head in heads)
        seen.append((heads[0].detach().clone(), heads[1].detach().clone()))  # pyright: ignore[reportCallIssue]
        start_round(self, number, pool)

    monkeypatch.setattr(CurriculumLabeling, "start_round", noted)
    options = tiny_options(write_tiny(tmp_path), "curriculum-labeling", tmp_path / "run", parameters={"step": 0.5})
    run = train(options, say=lambda _: None)
    (first, _), *later = seen
    assert len(later) == 2
    assert all(torch.equal(own, first) and not torch.equal(averaged, first) for own, averaged in later)
    state = load_file(sorted((run / "checkpoint").glob("step-*"))[-1] / "tensors.safetensors")
    assert int(state["method/pseudo.selected"]) == 42  # all 48 except the 6 with a label
