"""Negative labels: loss, drawing and EPM (docs/papers/dnll.md, N-1 to N-4), and the loss of DNLL on two networks."""

import math
from itertools import permutations

import pytest
import torch
from torch import Tensor

from fewlabels.errors import UserError
from fewlabels.methods.classify.dnll import DNLL, DNLLParameters
from fewlabels.methods.method import Batch, Labelled, Losses, Problem, Unlabelled
from fewlabels.methods.negatives import (
    ErrorPerception,
    check_count,
    draw_negatives,
    equal_weights,
    negative_loss,
    negatives_ramp,
)
from fewlabels.models.classifier import Classifier, Ensemble, SingleClassifier
from fewlabels.randomness import Draws

LOGITS = torch.tensor([[2, 1, 0], [0, 0, 0], [-1, 3, 0.5]], dtype=torch.float64)


def draws(count: int, key: int = 7) -> Draws:
    return Draws(key, torch.arange(count))


def equation_9(reduction: str) -> list[float]:
    """Return the loss of each row of N-1; the rows have different numbers of negatives."""
    rows = zip(LOGITS, ([1], [0, 2], [0]), strict=True)
    return [float(negative_loss(z[None], torch.tensor([k]), reduction)) for z, k in rows]  # pyright: ignore


def test_the_loss_is_equation_9() -> None:
    """N-1."""
    assert equation_9("sum") == pytest.approx([0.2806779534, 0.8109302162, 0.0167845951], abs=1e-9)
    assert sum(equation_9("sum")) / 3 == pytest.approx(0.3694642549, abs=1e-9)


def test_the_mean_over_negatives_is_that_of_the_authors_code() -> None:
    """N-1."""
    assert sum(equation_9("mean")) / 3 == pytest.approx(0.2343092189, abs=1e-9)


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.bfloat16])
def test_a_network_certain_of_a_negative_gets_a_finite_loss_and_a_gradient(dtype: torch.dtype) -> None:
    """N-1: in float32, 1 - p would be 0 here."""
    logits = torch.tensor([[30.0, 0, 0]], dtype=dtype, requires_grad=True)
    loss = negative_loss(logits, torch.tensor([[0]]))
    loss.sum().backward()
    assert loss.item() == pytest.approx(29.3068528194, abs=1e-9 if dtype == torch.float64 else 1e-5)
    assert logits.grad is not None
    assert logits.grad[0].tolist() == pytest.approx([1, -0.5, -0.5], abs=1e-6)


def test_the_gradient_is_that_of_minus_log_one_minus_p() -> None:
    stable, plain = (LOGITS.clone().requires_grad_() for _ in range(2))
    negatives = torch.tensor([[1, 2], [0, 2], [2, 0]])
    negative_loss(stable, negatives).sum().backward()
    (-torch.log(1 - plain.softmax(1)).gather(1, negatives)).sum().backward()
    torch.testing.assert_close(stable.grad, plain.grad)


def test_with_two_classes_the_loss_is_the_cross_entropy_of_the_other_class() -> None:
    labels = torch.tensor([0, 1, 1])
    negatives = draw_negatives(labels, equal_weights(2), 1, draws(3))
    assert negatives[:, 0].tolist() == [1, 0, 0]
    logits = torch.tensor([[1.0, -1], [0, 3], [2, 2]])
    expected = torch.nn.functional.cross_entropy(logits, labels, reduction="none")
    torch.testing.assert_close(negative_loss(logits, negatives), expected)


@pytest.mark.parametrize(("m", "classes"), [(0, 3), (3, 3), (1, 1), (-1, 5)])
def test_there_are_fewer_negatives_than_classes(m: int, classes: int) -> None:
    with pytest.raises(UserError, match=rf"--method\.m {m} does not fit {classes} classes"):
        DNLLParameters(m=m).validate(classes)
    check_count("m", 0, 0, 1)
    DNLLParameters(m=1).validate(2)


N2_WEIGHTS = [0, 0.4967462, 0.3012918, 0.2019619]


def perception(*row: float) -> ErrorPerception:
    found = ErrorPerception(len(row)).double()
    found.confusion[0] = torch.tensor(row, dtype=torch.float64)
    return found


def test_the_weights_are_the_softmax_over_the_other_classes() -> None:
    """N-2."""
    weights = perception(0, 0.9, 0.4, 0).weights()
    assert weights[0].tolist() == pytest.approx(N2_WEIGHTS, abs=1e-7)
    assert weights[1].tolist() == pytest.approx([1 / 3, 0, 1 / 3, 1 / 3])


def test_without_errors_all_negatives_are_equally_probable() -> None:
    torch.testing.assert_close(ErrorPerception(5).weights(), equal_weights(5))


def shares(negatives: Tensor, classes: int) -> list[float]:
    """Return the share of the draws that contain each class."""
    return (torch.nn.functional.one_hot(negatives, classes).sum(1) > 0).double().mean(0).tolist()


def test_one_negative_is_drawn_in_proportion_to_its_weight() -> None:
    """N-2; the standard deviation of a share of 200,000 draws is below 0.0012."""
    count = 200_000
    weights = perception(0, 0.9, 0.4, 0).weights()
    found = draw_negatives(torch.zeros(count, dtype=torch.int64), weights, 1, draws(count))
    assert shares(found, 4) == pytest.approx(N2_WEIGHTS, abs=0.005)


def test_two_negatives_are_drawn_one_after_the_other_without_replacement() -> None:
    """N-2: an ordered pair has the probability w_i w_j / (1 - w_i); with EP each class has 2/3."""
    count = 200_000
    labels = torch.zeros(count, dtype=torch.int64)
    found = draw_negatives(labels, perception(0, 0.9, 0.4, 0).weights(), 2, draws(count))
    assert shares(found, 4) == pytest.approx([0, 0.8366626, 0.6749365, 0.4884009], abs=0.005)
    for first, second in permutations((1, 2, 3), 2):
        expected = N2_WEIGHTS[first] * N2_WEIGHTS[second] / (1 - N2_WEIGHTS[first])
        pairs = (found == torch.tensor([first, second])).all(1)
        assert pairs.double().mean().item() == pytest.approx(expected, abs=0.005)
    equal = draw_negatives(labels, equal_weights(4), 2, draws(count))
    assert shares(equal, 4) == pytest.approx([0, 2 / 3, 2 / 3, 2 / 3], abs=0.005)


def test_negatives_are_distinct_and_never_the_label() -> None:
    labels = torch.arange(1000) % 5
    weights = torch.rand(5, 5)  # the diagonal is ignored
    weights[2, 3] = 0  # even a class of weight 0 is drawn before the label
    found = draw_negatives(labels, weights, 4, draws(1000))
    assert (found != labels[:, None]).all()
    assert all(len(set(row)) == 4 for row in found.tolist())


def test_draws_depend_on_the_slot_and_not_on_the_batch() -> None:
    labels = torch.arange(8) % 4
    whole = draw_negatives(labels, equal_weights(4), 2, draws(8))
    part = draw_negatives(labels[3:6], equal_weights(4), 2, Draws(7, torch.arange(3, 6)))
    assert torch.equal(whole[3:6], part)
    assert not torch.equal(whole, draw_negatives(labels, equal_weights(4), 2, draws(8, key=8)))


def test_only_wrong_predictions_are_counted_with_their_confidence() -> None:
    """N-3."""
    q = torch.tensor([[0.2, 0.5, 0.2, 0.1], [0.1, 0.4, 0.3, 0.2], [0.3, 0.2, 0.4, 0.1], [0.1, 0.7, 0.1, 0.1]])
    labels = torch.tensor([0, 0, 0, 1])
    for momentum, expected in ((0.0, [0, 0.9, 0.4, 0]), (0.999, [0, 9e-4, 4e-4, 0])):
        found = ErrorPerception(4, momentum).double()
        found.update(q.double(), labels)
        assert found.confusion[0].tolist() == pytest.approx(expected, abs=1e-6)
        assert not found.confusion[1:].any()


def test_the_ramp_is_that_of_the_authors_code() -> None:
    """N-4: epochs 0, 5, 10 and 15 of 100, then 2."""
    found = [2 * negatives_ramp(epoch / 100, 0.15) for epoch in (0, 5, 10, 15)]
    assert found == pytest.approx([0.505346, 0.822825, 1.306678, 2.023823], abs=1e-6)
    assert negatives_ramp(0.16, 0.15) == negatives_ramp(0, 0) == negatives_ramp(1, 0.15) == 1


@pytest.mark.parametrize(("accuracy", "expected"), [(0.6, 0.1333333), (0.9, 0.0333333)])
def test_the_share_of_images_with_a_wrong_negative_is_theorem_3_1(accuracy: float, expected: float) -> None:
    """N-4, K = 10, m = 3: only the true class is a wrong negative."""
    count = 100_000
    truth = torch.zeros(count, dtype=torch.int64)
    labels = torch.where(torch.arange(count) < accuracy * count, 0, 4)
    found = draw_negatives(labels, equal_weights(10), 3, draws(count))
    wrong = (found == truth[:, None]).any(1).double().mean().item()
    assert wrong == pytest.approx(expected, abs=0.005)


@pytest.mark.parametrize(("m", "expected"), [(3, 0.0103175), (1, 0.1061728)])
def test_two_networks_rarely_draw_the_same_negatives(m: int, expected: float) -> None:
    """N-4 with K = 10, q = 0.6; Theorem 3.2 has other values (docs/papers/dnll.md, D11)."""
    count = 200_000
    first = torch.zeros(count, dtype=torch.int64)
    second = torch.where(torch.arange(count) < 0.6 * count, 0, 4)
    sets = [draw_negatives(y, equal_weights(10), m, draws(count, key)) for key, y in ((1, first), (2, second))]
    same = (sets[0].sort(1).values == sets[1].sort(1).values).all(1).double().mean().item()
    assert same == pytest.approx(expected, abs=0.003)


# DNLL on features: two linear heads with known logits.

PROBLEM = Problem(num_classes=3, num_images=8, num_labelled=2, epochs=1)


def linear(*rows: tuple[float, float, float]) -> Classifier:
    head = torch.nn.Linear(3, 3, bias=False)
    head.weight.data = torch.tensor(rows, dtype=torch.float32)
    return SingleClassifier(torch.nn.Identity(), head, 3, 3)


IDENTITY = ((1.0, 0.0, 0.0), (0.0, 1.0, 0.0), (0.0, 0.0, 1.0))
SHIFTED = ((0.0, 1.0, 0.0), (0.0, 0.0, 1.0), (1.0, 0.0, 0.0))
"""Predicts class 2 where the identity predicts 0, 0 where it predicts 1, and 1 where it predicts 2."""


def method(**parameters: object) -> DNLL:
    return DNLL(Ensemble([linear(*IDENTITY), linear(*SHIFTED)]), DNLLParameters(**parameters), PROBLEM)  # pyright: ignore


def step(dnll: DNLL, progress: float = 1.0) -> Losses:
    labelled = torch.tensor([[5.0, 0, 0], [0, 5, 0]])
    weak = torch.tensor([[4.0, 0, 1], [0, 4, 0], [0, 1, 4], [4, 0, 0]])
    strong = torch.tensor([[1.0, 0, 2], [0, 1, 1], [3, 0, 0], [0, 0, 0]])
    return dnll(
        Batch(
            Labelled((labelled, labelled), torch.tensor([0, 1]), torch.arange(2)),
            Unlabelled((weak, strong), torch.arange(4)),
            0,
            progress,
            draws(4),
        )
    )


def test_with_all_negatives_cross_and_self_terms_are_the_papers_sums() -> None:
    """With m = K - 1 nothing is random: all classes other than the weak view's pseudo-label are negatives."""
    terms = step(method(m=2, weight=1.5, selection="ep")).terms
    strong = torch.tensor([[1.0, 0, 2], [0, 1, 1], [3, 0, 0], [0, 0, 0]], dtype=torch.float64)
    answers = [(strong @ torch.tensor(w, dtype=torch.float64).T).softmax(1) for w in (IDENTITY, SHIFTED)]
    labels = [torch.tensor([0, 1, 2, 0]), torch.tensor([2, 0, 1, 2])]

    def loss(p: Tensor, label: Tensor) -> float:
        surprise = -torch.log(1 - p)
        return float((surprise.sum(1) - surprise.gather(1, label[:, None])[:, 0]).mean())

    own = loss(answers[0], labels[0]) + loss(answers[1], labels[1])
    cross = loss(answers[0], labels[1]) + loss(answers[1], labels[0])
    assert terms["self"].item() == pytest.approx(1.5 * own, abs=1e-5)
    assert terms["cross"].item() == pytest.approx(1.5 * cross, abs=1e-5)
    uniform = math.log(math.exp(5) + 2)
    assert terms["supervised"].item() == pytest.approx((uniform - 5) + uniform, abs=1e-5)


def test_algorithm_1_and_self_learning_are_weights_of_zero() -> None:
    assert step(method(self_weight=0)).terms["self"].item() == 0
    assert step(method(cross_weight=0)).terms["cross"].item() == 0
    assert step(method(weight=0)).terms["cross"].item() == step(method(weight=0)).terms["self"].item() == 0


def test_every_pseudo_label_is_used() -> None:
    losses = step(method())
    assert losses.kept is not None
    assert losses.kept.tolist() == [True] * 4


def selected(dnll: DNLL) -> list[Tensor]:
    """Return the weights of each network's negatives after one labelled batch of class 0.

    Only the second network is wrong: it predicts 2.
    """
    logits = [torch.tensor([[5.0, 0, 0]]), torch.tensor([[0, 0, 5.0]])]
    return dnll.selection_weights(logits, torch.tensor([0]))


def test_negatives_are_drawn_by_the_errors_of_the_network_trained_on_them() -> None:
    """docs/papers/dnll.md, D2: the second network errs, so the first one's negatives of class 0 are mostly class 2."""
    first, second = selected(method(momentum=0.0))
    assert first[0, 2] > 0.7 > first[0, 1]
    assert second[0].tolist() == pytest.approx([0, 0.5, 0.5])


def test_networks_trained_by_themselves_alone_draw_by_their_own_errors() -> None:
    """Table 6's SL (docs/papers/dnll.md, D1)."""
    first, second = selected(method(momentum=0.0, cross_weight=0))
    assert first[0].tolist() == pytest.approx([0, 0.5, 0.5])
    assert second[0, 2] > 0.7


def test_without_epm_all_negatives_are_equally_probable_and_errors_are_not_counted() -> None:
    dnll = method(momentum=0.0, selection="ep")
    assert all(torch.equal(weights, equal_weights(3)) for weights in selected(dnll))
    step(dnll)
    assert all(not buffer.any() for buffer in dnll.perceptions.buffers())


@pytest.mark.usefixtures("in_float64")
def test_the_weak_view_has_no_gradient() -> None:
    """Its prediction changes the loss only through the predicted class."""
    dnll = method(m=2)
    losses = step(dnll)
    (losses.terms["cross"] + losses.terms["self"]).backward()
    found = [w.grad.clone() for w in dnll.parameters() if w.grad is not None]
    strong = torch.tensor([[1.0, 0, 2], [0, 1, 1], [3, 0, 0], [0, 0, 0]])
    labels = [torch.tensor([0, 1, 2, 0]), torch.tensor([2, 0, 1, 2])]
    for grad, weight in zip(found, (IDENTITY, SHIFTED), strict=True):
        w = torch.tensor(weight, requires_grad=True)
        surprise = -torch.log(1 - (strong @ w.T).softmax(1))
        total = sum((surprise.sum(1) - surprise.gather(1, y[:, None])[:, 0]).mean() for y in labels)
        torch.as_tensor(2 * total).backward()
        torch.testing.assert_close(grad, w.grad)
