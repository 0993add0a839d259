"""``fewlabels.losses``: the loss functions that can be used in anyone's own loop."""

import inspect
from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from fewlabels import losses

SMALL: dict[str, Callable[[Tensor], tuple]] = {
    "agreement_loss": lambda z: (z, z.flip(0)),
    "attention_divergence": lambda z: (z.reshape(2, 2, 3), z.flip(0).reshape(2, 2, 3)),
    "box_consistency_loss": lambda z: (z.reshape(3, 4).sigmoid(), torch.full((3, 4), 0.5), CHOSEN[:3]),
    "corrected_losses": lambda z: (z, MARKS, 0.6, 1.0, 2.0),
    "entropy": lambda z: (z,),
    "fairness_loss": lambda z: (z, CHOSEN, torch.tensor([0.5, 0.3, 0.2]), torch.tensor([0.6, 0.3, 0.1])),
    "focused_losses": lambda z: (z, MARKS == 1, 1.0, 4.0, 0.05),
    "jensen_shannon": lambda z: (z, z.flip(0)),
    "kl_divergence": lambda z: (torch.full((4, 3), 1 / 3), z),
    "known_loss": lambda z: (z, MARKS),
    "negative_loss": lambda z: (z, torch.tensor([[0], [1], [2], [0]])),
    "neighbour_loss": lambda z: (z, torch.tensor([0, 1, 0, 2])),
    "partial_bce": lambda z: (z, MARKS),
    "pseudo_label_loss": lambda z: (z, CLASSES, CHOSEN),
    "seed_loss": lambda z: (z.reshape(2, 2, 3), torch.linspace(0, 1, 12).reshape(2, 2, 3), 0.7, 0.1),
    "selective_losses": lambda z: (z, MARKS, MARKS == 0, 0.0, 1.0, 2.0),
    "softmax_mse": lambda z: (z, torch.full((4, 3), 1 / 3)),
    "two_label_loss": lambda z: (z, (CLASSES, CLASSES.flip(0)), (torch.full((4,), 0.7), torch.full((4,), 0.4))),
}
"""Arguments of each function made from logits (4, 3)."""
CHOSEN = torch.tensor([True, True, False, True])
CLASSES = torch.tensor([0, 1, 2, 0])
MARKS = torch.tensor([[1, -1, 0], [-1, 0, 1], [0, 0, 1], [-1, -1, -1]], dtype=torch.int8)


def logits() -> Tensor:
    return torch.randn(4, 3, generator=torch.Generator().manual_seed(0)).requires_grad_()


def test_every_loss_is_called_below() -> None:
    assert set(losses.__all__) == set(SMALL)


@pytest.mark.parametrize("name", losses.__all__)
def test_a_loss_is_documented_with_the_shapes_of_its_arguments(name: str) -> None:
    function = getattr(losses, name)
    text = inspect.getdoc(function) or ""
    assert text.startswith("Return")
    assert "(" in text
    assert len(inspect.signature(function).parameters) == 1 or all(
        f"{argument}:" in text for argument in inspect.signature(function).parameters
    )


@pytest.mark.parametrize("name", losses.__all__)
def test_a_loss_is_pure_and_differentiable(name: str) -> None:
    """The same value twice, arguments and random numbers untouched, and a finite gradient that is not 0."""
    z, generator = logits(), torch.get_rng_state()
    arguments = SMALL[name](z)
    tensors = [a for a in arguments if isinstance(a, Tensor)]
    copies = [a.detach().clone() for a in tensors]
    first, second = (getattr(losses, name)(*arguments) for _ in range(2))
    first, second = (found[0] if isinstance(found, tuple) else found for found in (first, second))
    assert torch.equal(first, second)
    assert all(torch.equal(a, b) for a, b in zip(tensors, copies, strict=True))
    assert torch.equal(torch.get_rng_state(), generator)
    (gradient,) = torch.autograd.grad(first.sum(), z)
    assert gradient.isfinite().all()
    assert gradient.any()
