"""Learning rates and parameter groups."""

import math

import pytest
import torch
from torch import nn

from fewlabels.training.optimisation import Optimisation, clip_gradient, lr_factor, make_optimizer, set_lr


def how(**changes: object) -> Optimisation:
    values = {
        "name": "sgd", "lr": 0.1, "backbone_lr": 0.01, "weight_decay": 5e-4,
        "schedule": "cosine", "warmup": 0, "clip": 0.0,
    }  # fmt: skip
    return Optimisation(**(values | changes))  # pyright: ignore[reportArgumentType]


class Net(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.backbone = nn.Sequential(nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2))
        self.head = nn.Linear(2, 2)


def test_the_cosine_schedule_is_fixmatchs() -> None:
    assert lr_factor(0, 100, "cosine") == 1
    assert lr_factor(50, 100, "cosine") == pytest.approx(math.cos(7 * math.pi / 32))
    assert lr_factor(100, 100, "cosine") == pytest.approx(0.19509032)


def test_the_step_schedule_divides_by_ten_twice() -> None:
    assert [lr_factor(t, 100, "step") for t in (49, 50, 75)] == pytest.approx([1, 0.1, 0.01])


def test_the_step_cosine_schedule_is_pepls() -> None:
    """docs/papers/pepl.md, P-5: the rate of a run of 200 epochs that starts with 0.01."""
    epochs = [0, 79, 80, 159, 160, 170, 180, 190, 199, 200]
    expected = [0.01, 0.01, 0.001, 0.001, 1e-4, 8.535534e-5, 5e-5, 1.464466e-5, 1.541e-7, 0]
    found = [0.01 * lr_factor(epoch, 200, "step-cosine") for epoch in epochs]
    assert found == pytest.approx(expected, rel=1e-7, abs=1e-10)


def test_warm_up_rises_and_then_the_schedule_begins() -> None:
    factors = [lr_factor(t, 100, "constant", warmup=4) for t in range(6)]
    assert factors == pytest.approx([0.2, 0.4, 0.6, 0.8, 1, 1])
    assert lr_factor(4, 100, "cosine", warmup=4) == 1


@pytest.mark.parametrize("name", ["sgd", "adamw"])
def test_vectors_do_not_decay_and_the_backbone_has_its_own_rate(name: str) -> None:
    net = Net()
    optimizer = make_optimizer(net, how(name=name))
    found = {id(w): (g["lr"], g["weight_decay"]) for g in optimizer.param_groups for w in g["params"]}
    conv, norm = net.backbone[0], net.backbone[1]
    assert found[id(conv.weight)] == (0.01, 5e-4)
    assert found[id(norm.weight)] == (0.01, 0)
    assert found[id(net.head.weight)] == (0.1, 5e-4)
    assert found[id(net.head.bias)] == (0.1, 0)


def test_a_network_that_finds_boxes_has_the_backbones_rate_in_all_of_its_layers() -> None:
    net = nn.Module()
    net.classifier, net.locator = Net(), Net()
    groups = make_optimizer(net, how()).param_groups
    found = {id(w): g["lr"] for g in groups for w in g["params"]}
    assert {found[id(w)] for w in net.locator.parameters()} == {0.01}
    assert found[id(net.classifier.head.weight)] == 0.1


def test_frozen_weights_are_not_given_to_the_optimiser() -> None:
    net = Net()
    net.backbone.requires_grad_(False)
    assert sum(len(g["params"]) for g in make_optimizer(net, how()).param_groups) == 2


def test_the_rate_is_set_from_the_base_not_from_the_last_rate() -> None:
    optimizer = make_optimizer(Net(), how())
    set_lr(optimizer, 0.5)
    set_lr(optimizer, 0.5)
    assert sorted({g["lr"] for g in optimizer.param_groups}) == [0.005, 0.05]


def test_a_round_may_give_the_network_that_finds_boxes_another_rate() -> None:
    net = nn.Module()
    net.classifier, net.locator = Net(), Net()
    optimizer = make_optimizer(net, how())
    set_lr(optimizer, 0.5, {"locator": 0.004})
    rates = {id(w): g["lr"] for g in optimizer.param_groups for w in g["params"]}
    assert {rates[id(w)] for w in net.locator.parameters()} == {0.002}
    assert sorted({rates[id(w)] for w in net.classifier.parameters()}) == [0.005, 0.05]
    set_lr(optimizer, 0.5)
    assert sorted({g["lr"] for g in optimizer.param_groups if g["network"] == "locator"}) == [0.005]


def test_clipping_bounds_the_joint_norm() -> None:
    net = Net()
    optimizer = make_optimizer(net, how())
    for weight in net.parameters():
        weight.grad = torch.full_like(weight, 3.0)
    clip_gradient(optimizer, 1.0)
    norm = torch.cat([w.grad.flatten() for w in net.parameters() if w.grad is not None]).norm()
    assert float(norm) == pytest.approx(1, abs=1e-4)
