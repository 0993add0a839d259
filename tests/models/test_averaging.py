"""The exponential moving average of weights and batch statistics."""

import pytest
import torch

from fewlabels.models.averaging import WeightAverage
from fewlabels.models.build import ModelSpec, build
from fewlabels.models.classifier import Classifier


@pytest.fixture
def model() -> Classifier:
    torch.manual_seed(0)
    return build(ModelSpec("small_cnn", 3, 1, 16, "linear", None, (0.5,), (0.5,)))


def test_the_decay_ramps_up_to_the_requested_value(model: Classifier) -> None:
    average = WeightAverage(model, decay=0.5)
    with torch.no_grad():
        average.shadow.head.bias.fill_(0)
        model.head.bias.fill_(1)
    kept = 1.0
    for updates in range(12):
        average.update(model)
        kept *= min(0.5, (1 + updates) / (10 + updates))
    torch.testing.assert_close(average.shadow.head.bias, torch.full((3,), 1 - kept))


def test_the_statistics_of_batch_normalisation_are_averaged_too(model: Classifier) -> None:
    average = WeightAverage(model, decay=0.9)
    before = {name: b.clone() for name, b in average.shadow.named_buffers()}
    model.train()
    model(torch.randn(8, 1, 16, 16) * 5 + 3)
    average.update(model)
    for name, buffer in average.shadow.named_buffers():
        assert not torch.equal(before[name], buffer), name


def test_integer_buffers_are_copied(model: Classifier) -> None:
    average = WeightAverage(model, decay=0.9)
    model.train()
    for _ in range(3):
        model(torch.randn(8, 1, 16, 16))
    average.update(model)
    counts = {int(b) for name, b in average.shadow.named_buffers() if name.endswith("num_batches_tracked")}
    assert counts == {3}


def test_a_decay_of_zero_is_the_model_itself(model: Classifier) -> None:
    average = WeightAverage(model, decay=0.0)
    with torch.no_grad():
        model.head.weight.add_(1)
    average.update(model)
    assert torch.equal(average.shadow.head.weight, model.head.weight)


def test_the_average_carries_no_gradient_and_is_in_evaluation_mode(model: Classifier) -> None:
    average = WeightAverage(model.train(), decay=0.9)
    assert not any(weight.requires_grad for weight in average.shadow.parameters())
    assert not average.shadow.training


def test_frozen_weights_are_not_averaged(model: Classifier) -> None:
    model.backbone.requires_grad_(False)
    average = WeightAverage(model, decay=0.5)
    with torch.no_grad():
        next(model.backbone.parameters()).add_(1)
        model.head.weight.add_(1)
    average.update(model)
    assert not torch.equal(next(average.shadow.backbone.parameters()), next(model.backbone.parameters()))
    assert torch.allclose(average.shadow.head.weight, model.head.weight - 0.1, atol=1e-6)
