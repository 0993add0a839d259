"""Saliency Regularization: losses and gradients (docs/papers/saliency-regularization.md, S-1 and S-2)."""

from typing import Any

import torch
from torch import Tensor

from fewlabels.methods.multilabel.saliency_regularization import SaliencyRegularization

from .marked import batch, doubles, make, untouched_model

MAPS = doubles([[[1, -2], [3, 0]], [[-1, -2], [-3, 1]], [[0, 1], [2, 3]]])[None]
MARKS = torch.tensor([[1, -1, 0]])
OPPOSITE = torch.zeros(1, 3, 2, 2, dtype=torch.float64)


def method(alpha: float = 0.5, top: int = 2, **values: Any) -> SaliencyRegularization:
    found = make("saliency-regularization", untouched_model(3, alpha, top), alpha=alpha, top=top, **values)
    assert isinstance(found, SaliencyRegularization)
    return found


def terms(weak: Tensor, strong: Tensor, marks: Tensor = MARKS, **values: Any) -> dict[str, float]:
    losses = method(**values)(batch((weak, strong), marks))
    return {name: float(term) for name, term in losses.terms.items()}


def test_the_supervised_loss_is_that_of_the_worked_example() -> None:
    """S-1: BN-BCE and S-BCE of the logits with saliency, equal in both views."""
    assert abs(terms(MAPS, MAPS, pseudo="none")["supervised"] - 0.2266711797) < 1e-9
    assert abs(terms(MAPS, MAPS, pseudo="none", loss="class")["supervised"] - 0.1511141198) < 1e-9


def test_the_gradient_is_larger_at_the_salient_places() -> None:
    """S-1 (Proposition 2): the gradient of the loss over known marks at the maps of an image."""
    maps = MAPS.clone().requires_grad_()
    losses = method(pseudo="none")(batch((maps, maps), MARKS))
    losses.terms["supervised"].backward()
    assert maps.grad is not None
    low, high = -0.0228031905, -0.0456063810
    expected = [[[high, low], [high, low]], [[0.0556750347, 0.0278375174], [0.0278375174, 0.0556750347]]]
    torch.testing.assert_close(maps.grad[0, :2], doubles(expected), atol=1e-9, rtol=0)
    assert not maps.grad[0, 2].any()


def test_known_marks_train_both_views_or_on_request_the_weak_one() -> None:
    """Maps of zeros give logits of zero, so the strong view's loss is log 2."""
    both = terms(MAPS, OPPOSITE, pseudo="none")["supervised"]
    assert abs(both - (0.2266711797 + 0.6931471806) / 2) < 1e-9
    weak = terms(MAPS, OPPOSITE, pseudo="none", supervised="weak")["supervised"]
    assert abs(weak - 0.2266711797) < 1e-9


def test_the_strong_view_is_trained_on_pseudo_marks_of_the_weak_one() -> None:
    """The unknown class 2 is predicted present on the weak view; the strong view's logit is 0."""
    losses = method()(batch((MAPS, OPPOSITE), MARKS))
    assert losses.kept is not None
    assert losses.kept.tolist() == [[False, False, True]]
    assert abs(losses.terms["unsupervised"].item() - 0.6931471806) < 1e-9


def test_pseudo_marks_give_a_gradient_to_the_strong_view_only() -> None:
    weak, strong = MAPS.clone().requires_grad_(), OPPOSITE.clone().requires_grad_()
    method()(batch((weak, strong), MARKS)).terms["unsupervised"].backward()
    assert weak.grad is None or not weak.grad.any()
    assert strong.grad is not None
    assert (strong.grad[0, 2] < 0).all()
    assert not strong.grad[0, :2].any()


def test_with_pseudo_same_the_weak_view_is_trained_on_its_own_pseudo_marks() -> None:
    """Row PL of Table 2: the loss of the weak logit is log(1 + e^-2.75)."""
    weak, strong = MAPS.clone().requires_grad_(), OPPOSITE.clone().requires_grad_()
    loss = method(pseudo="same")(batch((weak, strong), MARKS)).terms["unsupervised"]
    assert abs(loss.item() - 0.0619675) < 1e-6
    loss.backward()
    assert strong.grad is None or not strong.grad.any()
    assert weak.grad is not None
    assert weak.grad[0, 2].any()


def test_pseudo_marks_from_the_mean_alone_are_fewer() -> None:
    """S-2: tau 0.9 is reached with saliency only."""
    for source, kept in (("salient", True), ("mean", False)):
        losses = method(tau=0.9, pseudo_from=source)(batch((MAPS, OPPOSITE), MARKS))
        assert losses.kept is not None
        assert bool(losses.kept.any()) == kept
        assert (losses.terms["unsupervised"].item() > 0) == kept


def test_with_alpha_0_the_logit_is_the_mean_of_the_map() -> None:
    """BN-BCE of the logits .5 and -1.25 is (.4740769842 + .2519290813) / 2."""
    assert abs(terms(MAPS, MAPS, alpha=0.0, pseudo="none")["supervised"] - 0.3630030328) < 1e-9


def test_an_image_without_a_known_mark_is_trained_on_pseudo_marks() -> None:
    """docs/papers/saliency-regularization.md, R17."""
    losses = terms(MAPS, OPPOSITE, marks=torch.zeros(1, 3))
    assert losses["supervised"] == 0
    assert abs(losses["unsupervised"] - 0.6931471806) < 1e-9


def test_an_image_with_all_marks_known_has_no_pseudo_marks() -> None:
    losses = terms(MAPS, OPPOSITE, marks=torch.tensor([[1, -1, -1]]))
    assert losses["unsupervised"] == 0
    assert losses["supervised"] > 0


def test_marks_are_accepted_from_tau_on() -> None:
    assert method(tau=0.7).accepts(torch.tensor([[0.71, 0.5, 0.29]])).tolist() == [[True, False, True]]
