"""FlexMatch: thresholds by class (docs/papers/baselines.md, worked example FlexMatch), and the loss in numpy."""

import numpy as np
import pytest
import torch
from tests.methods.linear import batch, identity_model, problem
from torch import Tensor

from fewlabels.methods.classify.flexmatch import FlexMatch, FlexMatchParameters, warms_up
from fewlabels.methods.method import Problem
from fewlabels.methods.thresholds import CurriculumThresholds
from fewlabels.models.classifier import Classifier
from fewlabels.models.inference import probabilities
from fewlabels.training.pool import TrainingPool


def sure(*classes: int, confidence: float = 0.96) -> Tensor:
    """Return predictions (B, 3) of these classes."""
    q = torch.full((len(classes), 3), (1 - confidence) / 2)
    q[torch.arange(len(classes)), torch.tensor(classes, dtype=torch.int64)] = confidence
    return q


def counted(*classes: int, images: int = 10) -> CurriculumThresholds:
    """Return thresholds for a pool of images, the first of which were confidently predicted as these classes."""
    thresholds = CurriculumThresholds(images, 3)
    thresholds.begin(images)
    if classes:
        thresholds.update(torch.arange(len(classes)), sure(*classes))
    return thresholds


def test_during_the_warm_up_unlearned_images_lower_the_thresholds() -> None:
    """Counts (3, 1, 0), 6 unused: beta 1/2, 1/6, 0."""
    thresholds = counted(0, 0, 0, 1)
    assert thresholds.counts.tolist() == [3, 1, 0, 6]
    assert thresholds.per_class().tolist() == pytest.approx([0.3166667, 0.0863636, 0], abs=1e-6)


def test_after_the_warm_up_the_class_with_most_images_has_the_highest_threshold() -> None:
    """Counts (6, 1, 0), 3 unused: beta 1, 1/6, 0."""
    assert counted(0, 0, 0, 0, 0, 0, 1).per_class().tolist() == pytest.approx([0.95, 0.95 / 11, 0], abs=1e-6)


def test_without_the_warm_up_unlearned_images_are_not_counted() -> None:
    """Counts (3, 1, 0), 6 unused: beta 1, 1/3, 0; 0.95 / 3 / (2 - 1/3) = 0.19."""
    thresholds = CurriculumThresholds(10, 3, warmup=False)
    thresholds.begin(10)
    thresholds.update(torch.arange(4), sure(0, 0, 0, 1))
    assert thresholds.per_class().tolist() == pytest.approx([0.95, 0.19, 0], abs=1e-6)


def test_at_the_start_all_images_are_kept() -> None:
    thresholds = CurriculumThresholds(10, 3)
    assert thresholds.keep(torch.full((2, 3), 1 / 3)).all()  # even before the size of the pool is set
    thresholds.begin(10)
    assert thresholds.keep(torch.full((2, 3), 1 / 3)).all()


def test_a_confidence_equal_to_the_threshold_is_kept_and_one_below_is_not() -> None:
    """Half of the pool is class 0, half class 1: both have the threshold 0.75; class 2, never predicted, has 0."""
    thresholds = CurriculumThresholds(4, 3, threshold=0.75)
    thresholds.begin(4)
    thresholds.update(torch.arange(4), sure(0, 0, 1, 1))
    q = torch.tensor([[0.75, 0.25, 0], [0.25, 0.74, 0.01], [0.3, 0.3, 0.4]])
    assert thresholds.keep(q).tolist() == [True, False, True]


def test_an_image_counts_in_the_class_of_its_last_confident_prediction() -> None:
    thresholds = counted(0, 0, 0, 1)
    thresholds.update(torch.tensor([0, 1, 7]), torch.cat([sure(2), sure(2, 2, confidence=0.94)]))
    assert thresholds.counts.tolist() == [2, 1, 1, 6]  # rows 1 and 7 were not confident enough to be counted again
    assert thresholds.learned.tolist() == [2, 0, 0, 1, 3, 3, 3, 3, 3, 3]


def test_an_image_that_occurs_several_times_in_a_batch_counts_once() -> None:
    """The last confident prediction of row 5 is class 1; the one after it is not confident."""
    thresholds = counted()
    q = torch.cat([sure(0, 2, 1), sure(0, confidence=0.5), sure(2)])
    thresholds.update(torch.tensor([5, 5, 5, 5, 6]), q)
    assert thresholds.counts.tolist() == [0, 1, 1, 8]
    assert thresholds.learned[5:7].tolist() == [1, 2]


def test_the_counts_always_agree_with_the_learned_classes() -> None:
    """Many batches with repeated rows, compared with a dictionary."""
    generator = np.random.default_rng(0)
    thresholds, memory = counted(images=12), dict.fromkeys(range(12), 3)
    for _ in range(30):
        rows, q = generator.integers(0, 12, 8), generator.dirichlet([0.1] * 3, 8)
        thresholds.update(torch.from_numpy(rows), torch.from_numpy(q))
        memory |= {row: int(p.argmax()) for row, p in zip(rows, q, strict=True) if p.max() >= 0.95}
    assert thresholds.learned.tolist() == list(memory.values())
    assert thresholds.counts.tolist() == np.bincount(list(memory.values()), minlength=4).tolist()


# The whole method with features as logits, two classes and eight images.


def method(**values: object) -> FlexMatch:
    """Return the method at the start of a run on a pool of eight images."""
    made = FlexMatch(identity_model(), FlexMatchParameters(warmup=True, **values), problem())  # pyright: ignore[reportArgumentType]
    made.start_round(0, pool(made.model, 8))
    return made


def pool(model: Classifier, size: int) -> TrainingPool:
    none = torch.zeros(0, dtype=torch.int64)
    return TrainingPool(probabilities, model, lambda rows: [], torch.arange(size), none, none)


def surprise(logits: np.ndarray, labels: list[int]) -> np.ndarray:
    """Return the cross-entropy of each row."""
    return np.log(np.exp(logits).sum(1)) - logits[range(len(logits)), labels]


LABELLED = np.array([[1.0, 0.0], [0.5, 2.0]])
WEAK = np.array([[4.0, 0.0], [0.0, 5.0], [1.0, 0.0], [0.0, 0.2]])
"""Two confident predictions, class 0 with 0.982 and class 1 with 0.993, and two others."""
STRONG = np.array([[0.0, 1.0], [2.0, 0.0], [0.0, 3.0], [1.0, 1.0]])


def step(made: FlexMatch, rows: list[int]) -> tuple[dict[str, Tensor], list[bool]]:
    labelled, weak, strong = (torch.tensor(x, dtype=torch.float32) for x in (LABELLED, WEAK, STRONG))
    terms, kept = made(batch(labelled, [0, 1], [weak, strong], rows))
    assert kept is not None
    return terms, kept.tolist()


@pytest.mark.parametrize("passes", ["separate", "joint"])
def test_a_batch_is_judged_before_it_is_counted(passes: str) -> None:
    """At first all are kept. Then each class has one of eight and six are unused: both have 0.95 / 11, all are kept."""
    made = method(passes=passes, weight=2.0)
    for rows in ([0, 1, 2, 3], [0, 1, 4, 5]):
        terms, kept = step(made, rows)
        assert kept == [True] * 4
        assert terms["unlabelled"].item() == pytest.approx(2 * surprise(STRONG, [0, 1, 0, 1]).mean(), abs=1e-6)
        assert terms["supervised"].item() == pytest.approx(surprise(LABELLED, [0, 1]).mean(), abs=1e-6)
    assert made.thresholds.counts.tolist() == [1, 1, 6]


def test_images_below_the_threshold_count_zero_in_the_mean() -> None:
    """Class 0 has 6 of 8 and the threshold 0.95, above 0.731; class 1 has one, beta 1/6 and a threshold below 0.55."""
    made = method()
    seven = torch.tensor([[0.96, 0.04]] * 6 + [[0.04, 0.96]])
    made.thresholds.update(torch.arange(7), seven)
    terms, kept = step(made, [0, 6, 2, 7])
    assert kept == [True, True, False, True]
    each = surprise(STRONG, [0, 1, 0, 1])
    assert terms["unlabelled"].item() == pytest.approx((each.sum() - each[2]) / 4, abs=1e-6)


@pytest.mark.parametrize("passes", ["separate", "joint"])
def test_only_the_strong_views_have_a_gradient(passes: str) -> None:
    """The gradient of the head is (softmax - one-hot)^T x of the strong views."""
    made = method(passes=passes)
    terms, _ = step(made, [0, 1, 2, 3])
    terms["unlabelled"].backward()
    p = np.exp(STRONG) / np.exp(STRONG).sum(1, keepdims=True)
    expected = (p - np.eye(2)[[0, 1, 0, 1]]).T @ STRONG / 4
    grad = made.model.head.weight.grad
    assert isinstance(grad, Tensor)
    np.testing.assert_allclose(grad.numpy(), expected, atol=1e-6)


def test_the_number_of_images_to_learn_is_that_of_the_pool() -> None:
    """The data set has eight rows, the pool five of them; two of these are learned: beta 2/3."""
    made = method()
    made.start_round(0, pool(made.model, 5))
    made.thresholds.update(torch.arange(2), torch.tensor([[0.96, 0.04]] * 2))
    assert made.thresholds.counts.tolist() == [2, 0, 3]
    assert made.thresholds.per_class().tolist() == pytest.approx([0.95 / 2, 0], abs=1e-6)


def test_predictions_are_accepted_from_the_threshold_of_their_class_on() -> None:
    made = method()
    made.thresholds.update(torch.arange(7), torch.tensor([[0.96, 0.04]] * 6 + [[0.04, 0.96]]))
    probabilities = torch.tensor([[0.94, 0.06], [0.97, 0.03], [0.4, 0.6]])
    assert made.accepts(probabilities).tolist() == [False, True, True]


@pytest.mark.parametrize(
    ("given", "classes", "epochs", "expected"),
    [
        (None, 10, 500.0, True),
        (None, 20, 500.0, False),
        (None, 10, 19.0, False),
        (True, 20, 1.0, True),
        (False, 10, 500.0, False),
    ],
)
def test_the_warm_up_is_off_where_it_would_never_end(
    given: bool | None, classes: int, epochs: float, expected: bool
) -> None:
    assert warms_up(given, Problem(classes, 1000, 40, epochs)) is expected
