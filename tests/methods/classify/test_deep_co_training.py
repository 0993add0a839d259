"""Deep Co-Training: the divergence (docs/papers/baselines.md, worked example Deep Co-Training) and the gradients."""

from math import exp, log

import pytest
import torch
from tests.methods.test_adversarial import linear
from torch import Tensor

from fewlabels.errors import UserError
from fewlabels.methods.classify.deep_co_training import DeepCoTraining, DeepCoTrainingParameters, jensen_shannon
from fewlabels.methods.method import Batch, Labelled, Losses, Problem, Unlabelled
from fewlabels.models.classifier import Classifier, Ensemble
from fewlabels.randomness import Draws

LABELS = torch.tensor([0, 1])


def pair() -> Ensemble:
    return Ensemble([linear([[1.0, 0.5], [0.0, 0.0]]), linear([[0.3, -0.8], [0.2, 0.1]])])


def run(model: Ensemble, progress: float = 1.0, **values: float) -> tuple[Losses, list[Tensor], Tensor]:
    """Return the losses of 2 labelled and 3 unlabelled points, the labelled points of each network, the unlabelled."""
    generator = torch.Generator().manual_seed(0)
    first, second, weak = (torch.randn(n, 2, generator=generator, dtype=torch.float64) for n in (2, 2, 3))
    rows = torch.arange(3)
    batch = Batch(
        Labelled((first, second), LABELS, rows[:2]), Unlabelled((weak,), rows), 0, progress, Draws(1, rows)
    )  # fmt: skip
    parameters = DeepCoTrainingParameters(**values)  # pyright: ignore[reportArgumentType]
    method = DeepCoTraining(model, parameters, Problem(2, 100, 10, 1.0))
    return method.losses(batch), [first, second], weak


def weight_of(network: Classifier) -> Tensor:
    return network.head.weight  # pyright: ignore[reportReturnType, reportAttributeAccessIssue]


def test_the_divergence_is_the_jensen_shannon_divergence() -> None:
    p, q = (torch.tensor([row], dtype=torch.float64).log() for row in ([0.7, 0.2, 0.1], [0.5, 0.1, 0.4]))
    assert float(jensen_shannon(p, q)) == pytest.approx(0.0650534898, abs=1e-9)
    assert float(jensen_shannon(q, p)) == pytest.approx(0.0650534898, abs=1e-9)
    assert float(jensen_shannon(p, p)) == pytest.approx(0, abs=1e-12)


def test_certain_predictions_that_differ_diverge_by_log_two_with_a_finite_gradient() -> None:
    first, second = torch.tensor([[300.0, 0.0]], requires_grad=True), torch.tensor([[0.0, 300.0]])
    found = jensen_shannon(first, second)
    assert float(found.detach()) == pytest.approx(log(2), abs=1e-6)
    (gradient,) = torch.autograd.grad(found.sum(), first)
    assert torch.isfinite(gradient).all()


def test_each_network_is_trained_on_its_own_labelled_view() -> None:
    model = pair()
    losses, views, _ = run(model)
    expected = 0.0
    for network, x in zip(model.networks(), views, strict=True):
        expected += float(-network(x).log_softmax(1)[torch.arange(2), LABELS].mean().detach())
    assert float(losses.terms["supervised"].detach()) == pytest.approx(expected, abs=1e-9)


@pytest.mark.usefixtures("in_float64")
def test_the_agreement_is_computed_on_unlabelled_images_with_weight_ten() -> None:
    model = pair()
    losses, _, weak = run(model)
    first, second = (network(weak).softmax(1).detach() for network in model.networks())
    middle = (first + second) / 2

    def h(p: Tensor) -> Tensor:
        return -(p * p.log()).sum(1)

    expected = 10 * float((h(middle) - (h(first) + h(second)) / 2).mean())
    assert float(losses.terms["agreement"].detach()) == pytest.approx(expected, abs=1e-9)


@pytest.mark.usefixtures("in_float64")
def test_each_network_is_trained_on_the_others_adversarial_examples_with_its_targets() -> None:
    """By hand for linear networks, whose examples move by eps against the label or, if unlabelled, the prediction.

    The gradient of the attacked network's weights is (q - p) x', which holds only if the target has no gradient.
    """
    model = pair()
    losses, views, weak = run(model, eps=0.3, difference=1.0)
    networks, expected = model.networks(), 0.0
    gradients = torch.autograd.grad(losses.terms["difference"], [weight_of(n) for n in networks])
    for number, deceiver in enumerate(networks):
        deceived, x = networks[1 - number], torch.cat([views[number], weak])
        p, w = deceiver(x).softmax(1).detach(), weight_of(deceiver)
        labels = torch.cat([LABELS, p[2:].argmax(1)])
        against = w[1 - labels] - w[labels]  # direction in which the loss of the label grows, for two classes
        moved = (x + 0.3 * against.sign()).detach()
        log_q = deceived(moved).log_softmax(1).detach()
        expected += float(-(p * log_q).sum(1).mean())
        torch.testing.assert_close(
            gradients[1 - number], (log_q.exp() - p).T @ moved / len(x)
        )  # fmt: skip
    assert float(losses.terms["difference"].detach()) == pytest.approx(expected, abs=1e-9)


def test_the_ramp_scales_both_unlabelled_terms_and_not_the_supervised_one() -> None:
    terms = [run(pair(), progress, ramp=0.2)[0].terms for progress in (0.0, 0.2, 0.7)]
    start, end, later = ({name: float(value.detach()) for name, value in each.items()} for each in terms)
    assert end == later
    for name in ("agreement", "difference"):
        assert start[name] / end[name] == pytest.approx(exp(-5))
    assert start["supervised"] == end["supervised"]


@pytest.mark.parametrize(("name", "value"), [("agreement", -1.0), ("difference", -0.5), ("eps", 0.0), ("ramp", 1.5)])
def test_impossible_values_are_named(name: str, value: float) -> None:
    with pytest.raises(UserError, match=rf"--method\.{name} "):
        DeepCoTrainingParameters(**{name: value}).validate(10)  # pyright: ignore[reportArgumentType]
