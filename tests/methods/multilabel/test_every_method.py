"""Properties that hold for every method of the task."""

import math
from dataclasses import fields

import pytest
import torch
from torch import Tensor

from fewlabels.errors import UserError
from fewlabels.methods.catalogue import load_method, make_parameters, method_names, parameter_names
from fewlabels.methods.method import Batch, Losses
from fewlabels.methods.multi_label import MultiLabelMethod

from .marked import TinyPool, batch, make

NAMES = list(method_names("multilabel"))
TRAINING = [name for name in NAMES if load_method(name, "multilabel").trains]
KNOWN_ONLY = ["bce", "focal", "partial-bce", "gcn-ml", "saliency-regularization"]


def images_and_presence(count: int = 64, seed: int = 5) -> tuple[Tensor, Tensor]:
    """Return noise (N, 1, 16, 16) with a bright square in the corner of each present class, and (N, 3) bool."""
    noise = torch.Generator().manual_seed(seed)
    images, present = torch.randn(count, 1, 16, 16, generator=noise) / 4, torch.rand(count, 3, generator=noise) < 0.4
    shapes = torch.stack([torch.eye(5), torch.eye(5).flip(0), torch.ones(5, 5)])
    for number, (top, left) in enumerate(((1, 1), (1, 9), (9, 5))):
        images[:, 0, top : top + 5, left : left + 5] += 3 * present[:, number, None, None] * shapes[number]
    return images, present


def hide(present: Tensor, share: float = 0.6) -> Tensor:
    """Return marks (N, 3) int8 of which this share is known."""
    known = torch.rand(present.shape, generator=torch.Generator().manual_seed(6)) < share
    return (torch.where(present, 1, -1) * known).to(torch.int8)


def seen(method: MultiLabelMethod, images: Tensor, marks: Tensor, number: int = 0) -> Batch:
    return batch([images] * len(method.labelled_views), marks, number=number)


def total(losses: Losses) -> Tensor:
    return torch.stack(list(losses.terms.values())).sum()


@pytest.mark.parametrize("name", NAMES)
def test_it_uses_labelled_images_only(name: str) -> None:
    kind = load_method(name, "multilabel")
    assert issubclass(kind, MultiLabelMethod)
    assert kind.unlabelled_views == ()
    assert "mu" not in parameter_names(name, "multilabel")
    declared = fields(kind.hyperparameters)
    assert [f.name for f in declared] == parameter_names(name, "multilabel")
    assert all(f.metadata["help"] for f in declared)


def test_methods_that_treat_unknown_marks_as_absent_need_no_known_absence() -> None:
    without = {name for name in NAMES if not make(name).needs_absent}
    assert without == {"asymmetric", "csl", "latent-noise", "splc"}


@pytest.mark.parametrize("name", TRAINING)
def test_a_batch_without_a_known_mark_has_finite_gradients(name: str) -> None:
    method = make(name)
    losses = method(seen(method, torch.randn(4, 1, 16, 16), torch.zeros(4, 3)))
    total(losses).backward()
    gradients = [weight.grad for weight in method.parameters() if weight.grad is not None]
    assert gradients
    assert all(gradient.isfinite().all() for gradient in gradients)
    if name in KNOWN_ONLY:
        assert losses.terms["supervised"].item() == 0


@pytest.mark.parametrize("name", TRAINING)
def test_every_weight_has_a_gradient(name: str) -> None:
    """Distributed training waits for the gradient of each weight."""
    method, marks = make(name), hide(torch.ones(4, 3, dtype=torch.bool))
    total(method(seen(method, torch.randn(4, 1, 16, 16), marks))).backward()
    assert [n for n, weight in method.named_parameters() if weight.requires_grad and weight.grad is None] == []


@pytest.mark.parametrize("name", TRAINING)
def test_it_learns_to_predict_present_classes(name: str) -> None:
    """On other images than the 64 training images, of which 60 % of the marks are known.

    The biases of latent-noise suit classes on one image in hundreds; here they are on 4 of 10.
    """
    images, present = images_and_presence()
    marks = hide(present)
    method = make(name, bias=0.0) if name == "latent-noise" else make(name)
    optimizer = torch.optim.SGD(method.parameters(), lr=0.03, momentum=0.9)
    for number in range(method.rounds):
        method.eval()
        with torch.no_grad():
            p = method.model(images).sigmoid()
        method.train()
        method.start_round(number, TinyPool(marks, p))
        for step in range(50):
            some = torch.arange(32) + 32 * (step % 2)
            loss = total(method(seen(method, images[some], marks[some], number)))
            loss.backward()
            optimizer.step()
            optimizer.zero_grad()
            method.after_step()
    others, truth = images_and_presence(seed=7)
    with torch.no_grad():
        logits = method.eval().model(others)
    ranked = [logits[truth[:, c], c][:, None] > logits[~truth[:, c], c] for c in range(3)]
    assert min(float(right.float().mean()) for right in ranked) > 0.9


@pytest.mark.parametrize("name", [n for n in TRAINING if load_method(n, "multilabel").frozen_trunk == "features"])
def test_it_trains_on_features_of_a_frozen_trunk(name: str) -> None:
    method = make(name)
    with torch.no_grad():
        kept = method.model.eval().embed(torch.randn(4, 1, 16, 16))
    losses = method.train()(seen(method, kept, hide(torch.ones(4, 3).bool())))
    assert total(losses).isfinite()


@pytest.mark.parametrize("name", TRAINING)
def test_it_trains_in_low_precision(name: str) -> None:
    method = make(name)
    with torch.autocast("cpu", torch.bfloat16):
        losses = method(seen(method, torch.randn(4, 1, 16, 16), hide(torch.ones(4, 3).bool())))
    assert all(term.dtype == torch.float32 and term.isfinite() for term in losses.terms.values())


@pytest.mark.parametrize("name", NAMES)
def test_each_mark_is_accepted_or_not(name: str) -> None:
    accepted = make(name).accepts(torch.tensor([[0.999, 0.5, 0.001]]))
    assert accepted.dtype == torch.bool
    assert accepted.tolist() == [[True, False, name != "splc"]]


@pytest.mark.parametrize(
    ("name", "parameter", "value"),
    [("saliency-regularization", "tau", 0.4), ("saliency-regularization", "alpha", -1), ("focal", "gamma", -0.1),
     ("saliency-regularization", "top", 0), ("asymmetric", "clip", 1.0), ("splc", "tau", 1.0), ("csl", "prior", 1.1),
     ("partial-bce", "rounds", 0), ("gcn-ml", "threshold", 0.0), ("linear-probe", "C", 0.0),
     ("splc", "start", math.nan), ("partial-bce", "slope", -6.0)],
)  # fmt: skip
def test_impossible_values_are_refused(name: str, parameter: str, value: float) -> None:
    with pytest.raises(UserError, match=f"--method.{parameter} "):
        make_parameters(load_method(name, "multilabel"), {parameter: value}, 3)
