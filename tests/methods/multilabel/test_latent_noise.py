"""Latent noise: h = q(1|0)(1 - v) + q(1|1) v, and its loss."""

import numpy as np
import torch
from torch import nn

from fewlabels.methods.multilabel.latent_noise import noisy_log_probabilities

from .marked import batch, make


def test_the_probability_of_a_mark_is_the_papers_mixture() -> None:
    """By numpy from the joint distribution."""
    random = np.random.default_rng(0)
    visual, noise = random.normal(size=(2, 3)), random.normal(size=(2, 3, 4))
    joint = np.exp(noise) / np.exp(noise).sum(-1, keepdims=True)
    v = 1 / (1 + np.exp(-visual))
    marked_unseen, marked_seen = joint[..., 1] / joint[..., :2].sum(-1), joint[..., 3] / joint[..., 2:].sum(-1)
    h = marked_unseen * (1 - v) + marked_seen * v
    given, missing = noisy_log_probabilities(torch.from_numpy(visual), torch.from_numpy(noise))
    np.testing.assert_allclose(given.exp().numpy(), h, atol=1e-12)
    np.testing.assert_allclose(missing.exp().numpy(), 1 - h, atol=1e-12)


def test_certain_predictions_have_finite_losses() -> None:
    visual = torch.tensor([[200.0, -200.0]], requires_grad=True)
    given, missing = noisy_log_probabilities(visual, torch.full((1, 2, 4), 50.0))
    (given + missing).sum().backward()
    assert given.isfinite().all()
    assert missing.isfinite().all()
    assert visual.grad is not None
    assert visual.grad.isfinite().all()


def test_it_starts_with_the_papers_biases() -> None:
    """With features of zero, q(1|1) is sigmoid(3.29) and v is sigmoid(-6.58)."""
    method = make("latent-noise")
    assert isinstance(method.model.head, nn.Linear)
    torch.testing.assert_close(method.model.head.bias.detach(), torch.full((3,), -6.58))
    bias = method.state_dict()["noise.bias"]
    torch.testing.assert_close(bias.view(3, 4)[0], torch.tensor([-6.58, -9.87, -9.87, -6.58]))


def test_unknown_and_absent_marks_give_the_same_loss() -> None:
    method, images = make("latent-noise"), torch.randn(2, 1, 16, 16)
    losses = [
        method(batch((images,), torch.tensor(marks))).terms["supervised"].item()
        for marks in ([[1, -1, -1], [-1, -1, 1]], [[1, 0, 0], [0, -1, 1]])
    ]
    assert losses[0] == losses[1]
