"""A frozen trunk is asked once."""

from pathlib import Path

import pytest
import torch
from tests.tiny import tiny_options, write_tiny

from fewlabels.models.classifier import Classifier
from fewlabels.run import train


@pytest.fixture
def seen(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The number of images that any trunk has seen, as the one entry of a list."""
    forward, seen = Classifier.features, [0]

    def counted(self: Classifier, x: torch.Tensor) -> torch.Tensor:
        seen[0] += len(x) if x.ndim == 4 else 0
        return forward(self, x)

    monkeypatch.setattr(Classifier, "features", counted)
    return seen


def test_the_trunk_sees_no_image_between_the_first_evaluation_and_the_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, seen: list[int]
) -> None:
    root, images = write_tiny(tmp_path), []
    for steps in (4, 12):
        seen[0] = 0
        monkeypatch.setenv("FEWLABELS_CACHE", str(tmp_path / f"cache-{steps}"))
        out = tmp_path / str(steps)
        train(tiny_options(root, "fixmatch", out, freeze=True, steps=steps, eval_every=2), say=lambda _: None)
        images.append(seen[0])
    assert images[0] == images[1] > 0


def test_the_next_method_on_the_same_images_does_not_embed_them_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, seen: list[int]
) -> None:
    """But other pixels, another seed or other weights are embedded."""
    monkeypatch.setenv("FEWLABELS_CACHE", str(tmp_path / "cache"))
    root = write_tiny(tmp_path)

    def images(name: str, method: str, **changes: object) -> int:
        seen[0] = 0
        train(tiny_options(root, method, tmp_path / name, freeze=True, **changes), say=lambda _: None)
        return seen[0]

    first = images("first", "fixmatch")
    assert images("second", "freematch") < first / 10  # what the report shows of a few images
    assert images("seed", "fixmatch", seed=1) >= first / 2
    assert images("size", "fixmatch", image_size=24) >= first / 2
    images("again", "fixmatch")
    assert (tmp_path / "again" / "labels.csv").read_text() == (tmp_path / "first" / "labels.csv").read_text()
