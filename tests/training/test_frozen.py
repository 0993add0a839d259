"""A frozen trunk is asked once."""

from pathlib import Path

import pytest
import torch
from tests.tiny import tiny_options, write_tiny

from fewlabels.models.classifier import Classifier
from fewlabels.run import train


def test_the_trunk_sees_no_image_between_the_first_evaluation_and_the_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    forward, seen = Classifier.features, [0]

    def counted(self: Classifier, x: torch.Tensor) -> torch.Tensor:
        seen[0] += len(x) if x.ndim == 4 else 0
        return forward(self, x)

    monkeypatch.setattr(Classifier, "features", counted)
    root, images = write_tiny(tmp_path), []
    for steps in (4, 12):
        seen[0] = 0
        out = tmp_path / str(steps)
        train(tiny_options(root, "fixmatch", out, freeze=True, steps=steps, eval_every=2), say=lambda _: None)
        images.append(seen[0])
    assert images[0] == images[1] > 0
