"""VAT: the perturbation and the loss (docs/papers/student-report.md, T-2)."""

from math import log, sqrt

import pytest
import torch
from tests.methods.test_adversarial import X, convolutional, lengths, two_classes
from torch import Tensor, nn

from fewlabels.errors import UserError
from fewlabels.methods.classify.vat import CIFAR_VALUES, VAT, VATParameters, entropy, perturbed
from fewlabels.methods.consistency import kl_divergence
from fewlabels.methods.method import Batch, Labelled, Problem, Unlabelled
from fewlabels.models.classifier import Classifier, SingleClassifier
from fewlabels.randomness import Draws

RAW = sqrt(CIFAR_VALUES / 2)
"""Factor by which the scaling of lengths is undone for an image of two values."""


def draws(count: int, key: int = 5) -> Draws:
    return Draws(key, torch.arange(count))


def batch(x: Tensor, labels: Tensor, progress: float = 0.5) -> Batch:
    rows = torch.arange(len(x))
    return Batch(Labelled((x,), labels, rows), Unlabelled((x,), rows), 3, progress, draws(len(x)))


def method(model: Classifier, **values: object) -> VAT:
    parameters = VATParameters(**values)  # pyright: ignore[reportArgumentType]
    return VAT(model, parameters, Problem(model.num_classes, 100, 10, 1.0))


@pytest.mark.parametrize(
    ("eps", "along", "against"), [(1.0, 1.6581925480, 1.9592271845), (0.1, 0.0301301808, 0.0311333737)]
)
def test_the_divergence_at_the_perturbed_image_is_that_of_the_formula(eps: float, along: float, against: float) -> None:
    """T-2: along the weights or against them, depending on the random start; several starts give both."""
    p, model = two_classes()(X).softmax(1).detach(), two_classes()
    found = set()
    for key in range(8):
        moved = perturbed(model, X, p, VATParameters(xi=10 * RAW, eps=eps * RAW), draws(1, key))
        forward = bool(moved[0, 0] > X[0, 0])
        expected = along if forward else against
        assert kl_divergence(p, model(moved)).item() == pytest.approx(expected, abs=1e-6)
        found.add(forward)
    assert found == {True, False}


@pytest.mark.parametrize("direction", ["adversarial", "random"])
def test_the_length_is_the_papers_for_cifar_and_the_change_per_value_is_the_same_for_any_size(direction: str) -> None:
    model, grey = convolutional(), torch.randn(6, 1, 16, 16)
    p, parameters = model(grey).softmax(1).detach(), VATParameters(direction=direction)  # pyright: ignore
    moved = perturbed(model, grey, p, parameters, draws(6))
    torch.testing.assert_close(lengths(moved - grey) / 16, torch.full((6,), 10 / sqrt(3 * 32 * 32)))
    flat = SingleClassifier(nn.Identity(), nn.Linear(3072, 5), 3072, 5)
    x = torch.zeros(2, 3072)
    torch.testing.assert_close(lengths(perturbed(flat, x, p[:2], parameters, draws(2))), torch.full((2,), 10.0))


def test_the_adversarial_direction_changes_predictions_more_than_a_random_one() -> None:
    model, x = convolutional().eval(), torch.randn(16, 1, 16, 16)
    p = model(x).softmax(1).detach()

    def divergence(parameters: VATParameters) -> float:
        return kl_divergence(p, model(perturbed(model, x, p, parameters, draws(16)))).mean().item()

    assert divergence(VATParameters()) > 3 * divergence(VATParameters(direction="random"))


def test_an_images_perturbation_depends_on_its_slot_and_not_on_its_neighbours() -> None:
    """In float64: four images and two take other kernels, and the power method magnifies their rounding."""
    model, x = convolutional().double().eval(), torch.randn(4, 1, 16, 16, dtype=torch.float64)
    p, parameters = model(x).softmax(1).detach(), VATParameters()
    whole = perturbed(model, x, p, parameters, draws(4))
    half = perturbed(model, x[2:], p[2:], parameters, draws(4).take(torch.tensor([2, 3])))
    torch.testing.assert_close(whole[2:], half)


def test_during_the_warm_up_only_labels_are_used() -> None:
    vat, x, labels = method(convolutional(), warmup=0.25), torch.randn(4, 1, 16, 16), torch.arange(4)
    assert vat.losses(batch(x, labels, 0.24)).terms["unlabelled"].item() == 0
    assert vat.losses(batch(x, labels, 0.25)).terms["unlabelled"].item() > 0


@pytest.mark.usefixtures("in_float64")
def test_the_prediction_on_the_image_is_a_target_without_gradient() -> None:
    """For a linear network the gradient of KL(p || q) with fixed p is (q - p) x'."""
    model = two_classes()
    vat = method(model, weight=2.0)
    losses = vat.losses(batch(X, torch.tensor([0])))
    p = model(X).softmax(1).detach()
    moved = perturbed(model, X, p.float(), vat.p, draws(1))
    expected = 2 * (model(moved).softmax(1) - p).T @ moved
    (found,) = torch.autograd.grad(losses.terms["unlabelled"], [model.head.weight])  # pyright: ignore
    torch.testing.assert_close(found, expected.detach())


def test_the_entropy_term_is_added_on_request() -> None:
    x, labels = torch.randn(4, 1, 16, 16), torch.arange(4)
    assert "entropy" not in method(convolutional()).losses(batch(x, labels)).terms
    terms = method(convolutional(), entropy=0.5).losses(batch(x, labels)).terms
    assert 0 < terms["entropy"].item() <= 0.5 * log(5)


def test_the_entropy_of_a_uniform_prediction_is_the_logarithm_of_the_number_of_classes() -> None:
    found = entropy(torch.tensor([[2.0, 2, 2, 2], [100.0, 0, 0, 0]], dtype=torch.float64))
    torch.testing.assert_close(found, torch.tensor([log(4), 0.0]))


@pytest.mark.parametrize(
    ("name", "value"),
    [("xi", 0.0), ("eps", -1.0), ("iterations", 0), ("weight", -1.0), ("entropy", float("nan")), ("warmup", 1.0)],
)
def test_impossible_values_are_named(name: str, value: float) -> None:
    with pytest.raises(UserError, match=rf"--method\.{name} "):
        VATParameters(**{name: value}).validate(10)  # pyright: ignore[reportArgumentType]
