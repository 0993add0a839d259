"""The optimiser, its parameter groups, and the learning rate as a function of the step."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

import torch
from torch import nn
from torch.optim import SGD, AdamW, Optimizer


@dataclass(frozen=True)
class Optimisation:
    """How the weights are updated."""

    name: Literal["sgd", "adamw"]
    lr: float
    backbone_lr: float
    weight_decay: float
    schedule: Literal["constant", "step", "cosine", "step-cosine"]
    warmup: int
    clip: float


def parameter_groups(method: nn.Module, how: Optimisation) -> list[dict]:
    """Return the groups of a method's weights by learning rate, weight decay and network.

    Vectors (biases, normalisation) have no weight decay. All layers of a second network that predicts boxes have the
    backbone's learning rate: its papers use one rate for the whole network, the weights of their losses are large, and
    its sigmoids saturate at larger rates.
    """
    groups: dict[tuple[float, float, str], dict] = {}
    for name, weight in method.named_parameters():
        if not weight.requires_grad:
            continue
        parts = name.split(".")
        network = "locator" if "locator" in parts else "classifier"
        lr = how.backbone_lr if network == "locator" or "backbone" in parts else how.lr
        decay = how.weight_decay if weight.ndim > 1 else 0.0
        fresh = {"params": [], "lr": lr, "base_lr": lr, "weight_decay": decay, "network": network}
        group = groups.setdefault((lr, decay, network), fresh)
        group["params"].append(weight)
    return list(groups.values())


def make_optimizer(method: nn.Module, how: Optimisation) -> Optimizer:
    """Fused SGD with Nesterov momentum 0.9, or fused AdamW."""
    groups = parameter_groups(method, how)
    if how.name == "adamw":
        return AdamW(groups, lr=how.lr, fused=True)
    return SGD(groups, lr=how.lr, momentum=0.9, nesterov=True, fused=True)


def lr_factor(step: int, steps: int, schedule: str, warmup: int = 0) -> float:
    """Return the factor of the learning rate at ``step`` of ``steps``.

    ``cosine`` is FixMatch's cos(7 pi t / 16 T), which ends at 0.195; ``step`` divides by 10 at half and at three
    quarters of the run. ``step-cosine`` is PEPL's, of 200 epochs: it divides by 10 at 2/5 and by 100 at 4/5 of the run
    and falls from there to 0 as half a cosine (Sec. III-A; docs/papers/pepl.md, P-5). The first ``warmup`` steps rise
    linearly and the schedule runs over the rest.
    """
    if step < warmup:
        return (step + 1) / (warmup + 1)
    done = (step - warmup) / max(1, steps - warmup)
    if schedule == "cosine":
        return math.cos(7 * math.pi * done / 16)
    if schedule == "step":
        return 0.1 ** ((done >= 0.5) + (done >= 0.75))
    if schedule == "step-cosine":
        return 0.1 ** (done >= 0.4) if done < 0.8 else 0.005 * (1 + math.cos(5 * math.pi * (done - 0.8)))
    return 1.0


def set_lr(optimizer: Optimizer, factor: float, rates: Mapping[str, float] = MappingProxyType({})) -> None:
    """Set the learning rate of every group to the factor times its base rate, or times the rate of its network.

    Args:
        optimizer: of :func:`make_optimizer`.
        factor: of the schedule.
        rates: base rates by network, ``classifier`` or ``locator``, that replace those of its groups.
    """
    for group in optimizer.param_groups:
        group["lr"] = factor * rates.get(group["network"], group["base_lr"])


def clip_gradient(optimizer: Optimizer, norm: float) -> None:
    """Scale all gradients down where their joint norm is larger than ``norm``."""
    torch.nn.utils.clip_grad_norm_([w for group in optimizer.param_groups for w in group["params"]], norm)
