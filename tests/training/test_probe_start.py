"""Heads on cached features start from the regression of the linear probe."""

import csv
from pathlib import Path

import pytest
from tests.tiny import tiny_options, write_pretrained, write_tiny

from fewlabels.methods.classify.linear_probe import LinearProbe
from fewlabels.run.train import train


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Tiny data, and weights as if small_cnn were pretrained."""
    return write_tiny(write_pretrained(tmp_path))


def predictions(root: Path, method: str, **changes: object) -> list[tuple[str, float]]:
    """Train on pretrained features and return label and confidence of the images without a given label."""
    options = tiny_options(
        root, method, root / method, weights=str(root / "pretrained.safetensors"), backbone="small_cnn", num_labels=12,
        freeze=True, **changes,
    )  # fmt: skip
    rows = csv.DictReader((train(options, say=lambda _: None) / "labels.csv").open())
    return [(row["label"], float(row["confidence"])) for row in rows if not row["given"]]


@pytest.mark.parametrize("method", ["fixmatch", "freematch", "mean-teacher", "deep-co-training"])
def test_a_head_that_does_not_move_predicts_as_the_linear_probe(
    root: Path, method: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(LinearProbe, "refit", lambda *_: None)  # its confidences would be calibrated
    probe = predictions(root, "linear-probe")
    found = predictions(root, method, lr=0.0, backbone_lr=0.0)
    assert [label for label, _ in found] == [label for label, _ in probe]
    for (_, ours), (_, expected) in zip(found, probe, strict=True):
        assert ours == pytest.approx(expected, abs=1e-4)


def test_without_pretrained_weights_heads_are_random(root: Path) -> None:
    """The head is then trained on random features, for which there is no probe to start from."""
    options = tiny_options(root, "fixmatch", root / "run", num_labels=12, freeze=True, lr=0.0)
    rows = csv.DictReader((train(options, say=lambda _: None) / "labels.csv").open())
    assert {float(row["confidence"]) > 0.5 for row in rows if not row["given"]} == {False}
