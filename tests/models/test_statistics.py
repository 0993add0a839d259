"""Running statistics of batch normalisation are updated or frozen, as requested."""

import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from tests.tiny import Case, case_options, tiny_dataset, write_tiny
from torch import nn

from fewlabels.models.statistics import freeze_statistics
from fewlabels.run.train import train


def test_frozen_statistics_also_normalise_training_passes() -> None:
    """Only the backbone's statistics are frozen: other layers have no pretrained ones."""
    norm = nn.BatchNorm2d(2)
    net = nn.ModuleDict({"backbone": nn.Sequential(norm, nn.Dropout(0.5)), "attention": nn.BatchNorm2d(2)}).train()
    freeze_statistics(net)
    x = 5 + torch.randn(4, 2, 3, 3)
    torch.testing.assert_close(norm(x), x / (1 + norm.eps) ** 0.5)
    assert torch.equal(norm.running_mean, torch.zeros(2))  # pyright: ignore[reportArgumentType]
    assert norm.weight.requires_grad
    assert [name for name, layer in net.named_modules() if not layer.training] == ["backbone.0"]


@pytest.mark.parametrize("name", ["supervised", "fixmatch", "mean-teacher"])
@pytest.mark.parametrize("statistics", ["fixed", "moving"])
def test_a_run_updates_or_keeps_its_statistics(tmp_path: Path, name: str, statistics: str) -> None:
    """Fixed statistics keep their initial values, while the weights of normalisation are trained in both cases."""
    case = Case("classify", name)
    options = case_options(write_tiny(tmp_path), case, tmp_path / "run", statistics=statistics, ema=0.0)
    folder = train(options, say=lambda _: None, dataset=tiny_dataset("classify"))
    first, *_, last = (
        load_file(step / "tensors.safetensors") for step in sorted((folder / "checkpoint").glob("step-*"))
    )
    running = [key for key in last if key.startswith("method/model.") and "running_" in key]
    assert running
    assert all(torch.equal(first[key], last[key]) == (statistics == "fixed") for key in running)
    trained = [key.replace("running_mean", "weight") for key in running if key.endswith("running_mean")]
    assert all(not torch.equal(first[key], last[key]) for key in trained)
    assert json.loads((folder / "metrics.json").read_text())["train"]["steps"] == options.steps
