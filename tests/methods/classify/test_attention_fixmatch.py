"""Attention-FixMatch: divergence of maps (docs/papers/student-report.md, T-5), mean over kept images, saved runs."""

from math import log
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from tests.tiny import tiny_options, write_tiny
from torch import Tensor

from fewlabels.errors import UserError
from fewlabels.methods.classify import attention_fixmatch
from fewlabels.methods.classify.attention_fixmatch import (
    AttentionFixMatch,
    AttentionFixMatchParameters,
    attention_divergence,
    mean_of_kept,
)
from fewlabels.methods.method import Batch, Labelled, Losses, Problem, Unlabelled
from fewlabels.models.build import ModelSpec, build
from fewlabels.randomness import Draws
from fewlabels.run.predict import predict
from fewlabels.run.train import train

WEAK = torch.tensor([[[0, 0], [0, log(3)]]], dtype=torch.float64)
STRONG = torch.tensor([[[log(2), 0], [0, 0]]], dtype=torch.float64)


def losses(**values: object) -> tuple[Losses, AttentionFixMatch]:
    """Return the losses of two labelled and four unlabelled images by an untrained network, and the method."""
    torch.manual_seed(0)
    model = build(ModelSpec("small_cnn", 3, 1, 16, "linear", None, (0.5,), (0.25,), attention_maps=2))
    labelled, weak, strong = torch.randn(2, 1, 16, 16), torch.randn(4, 1, 16, 16), torch.randn(4, 1, 16, 16)
    rows = torch.arange(4)
    batch = Batch(
        Labelled((labelled,), torch.tensor([0, 1]), rows[:2]), Unlabelled((weak, strong), rows), 0, 0.5, Draws(1, rows)
    )  # fmt: skip
    parameters = AttentionFixMatchParameters(**values)  # pyright: ignore[reportArgumentType]
    method = AttentionFixMatch(model, parameters, Problem(3, 100, 10, 1.0))
    return method.losses(batch), method


def gradient(term: Tensor, method: AttentionFixMatch) -> Tensor:
    return torch.autograd.grad(term, method.model.attention.conv.weight)[0]  # pyright: ignore


def test_the_divergence_of_maps_is_that_of_their_softmax_over_places() -> None:
    """T-5; torch's 'mean', which the report's code uses, is a quarter of it for a 2 x 2 map."""
    assert float(attention_divergence(WEAK, STRONG)) == pytest.approx(0.2514600574, abs=1e-9)
    assert float(attention_divergence(STRONG, WEAK)) == pytest.approx(0.2398579713, abs=1e-9)
    assert float(attention_divergence(WEAK, STRONG)) / 4 == pytest.approx(0.0628650144, abs=1e-9)


def test_a_map_with_one_extreme_value_gives_finite_gradients() -> None:
    maps = torch.tensor([[[500.0, 0.0]]], requires_grad=True)
    value = attention_divergence(maps, torch.tensor([[[0.0, 500.0]]]))
    assert float(value.detach()) == pytest.approx(500)
    assert torch.isfinite(torch.autograd.grad(value.sum(), maps)[0]).all()


def test_the_mean_is_over_kept_images_only() -> None:
    keep = torch.tensor([True, False, True, False])
    assert float(mean_of_kept(torch.tensor([1.0, float("nan"), 4.0, 7.0]), keep)) == 2.5


def test_without_a_kept_image_the_mean_is_zero_without_gradient() -> None:
    values = torch.randn(3, requires_grad=True)
    found = mean_of_kept(values, torch.zeros(3, dtype=torch.bool))
    assert found.item() == 0
    assert not torch.autograd.grad(found, values)[0].any()


@pytest.mark.parametrize("keep", [[1, 1, 1, 0], [0, 0, 0, 1], [0, 0, 0, 0]])
def test_the_mean_over_two_processes_is_that_of_one(monkeypatch: pytest.MonkeyPatch, keep: list[int]) -> None:
    """Each process has two of four rows and divides by the number kept in all four."""
    values, kept = torch.tensor([1.0, 2.0, 4.0, 8.0]), torch.tensor(keep).bool()
    one = float(mean_of_kept(values, kept))
    monkeypatch.setattr(attention_fixmatch, "gather", lambda _: kept)
    two = [float(mean_of_kept(values[part], kept[part])) for part in (slice(0, 2), slice(2, 4))]
    assert sum(two) / 2 == pytest.approx(one)


def test_only_confident_predictions_contribute_to_both_unlabelled_terms() -> None:
    none, _ = losses(threshold=1.0)
    assert none.kept is not None
    assert not none.kept.any()
    assert none.terms["unlabelled"].item() == none.terms["attention"].item() == 0
    every, _ = losses(threshold=0.0)
    assert every.kept is not None
    assert every.kept.all()
    assert every.terms["unlabelled"].item() > 0
    assert every.terms["attention"].item() > 0


def test_the_weight_scales_the_divergence_only() -> None:
    (once, _), (thrice, _) = losses(threshold=0.0, att_weight=1.0), losses(threshold=0.0, att_weight=3.0)
    assert thrice.terms["attention"].item() == pytest.approx(3 * once.terms["attention"].item())
    assert thrice.terms["unlabelled"].item() == once.terms["unlabelled"].item()


def test_detaching_the_weak_map_changes_the_gradient_and_not_the_loss() -> None:
    (through, first), (fixed, second) = (losses(threshold=0.0, detach=detach) for detach in (False, True))
    assert through.terms["attention"].item() == fixed.terms["attention"].item()
    both, one = gradient(through.terms["attention"], first), gradient(fixed.terms["attention"], second)
    assert one.any()
    assert not torch.allclose(both, one)


def test_the_pseudo_label_has_no_gradient() -> None:
    """The cross-entropy reaches the weak images through the batch statistics only, so not at all without these."""
    torch.manual_seed(0)
    _, method = losses(threshold=0.0)
    method.eval()
    weak = torch.randn(2, 1, 16, 16, requires_grad=True)
    strong, rows = torch.randn(2, 1, 16, 16), torch.arange(2)
    batch = Batch(Labelled((strong,), rows, rows), Unlabelled((weak, strong), rows), 0, 0.5, Draws(1, rows))
    (found,) = torch.autograd.grad(method.losses(batch).terms["unlabelled"], weak)
    assert not found.any()


def test_a_saved_run_predicts_the_labels_of_its_ledger(tmp_path: Path) -> None:
    root = write_tiny(tmp_path)
    run = train(tiny_options(root, "attention-fixmatch", tmp_path / "run"), say=lambda _: None)
    images = np.load(root / "mnist.npz")["x_train"][:3]
    folder = tmp_path / "images"
    folder.mkdir()
    for number, pixels in enumerate(images):
        Image.fromarray(pixels).save(folder / f"{number}.png")
    predicted, _ = predict(run, folder)
    ledger = [line.split(",") for line in (run / "labels.csv").read_text().splitlines()]
    rows = {line[0]: dict(zip(ledger[0], line, strict=True)) for line in ledger[1:]}
    for number in range(3):
        row = rows[f"train/{number:06d}"]
        if row["given"] == "":
            assert float(predicted.answers.probabilities[number].amax()) == pytest.approx(
                float(row["confidence"]), abs=1e-4
            )
            assert predicted.classes[int(predicted.answers.probabilities[number].argmax())] == row["label"]


@pytest.mark.parametrize(("name", "value"), [("threshold", 1.5), ("att_weight", -1.0), ("maps", 0)])
def test_impossible_values_are_named(name: str, value: float) -> None:
    with pytest.raises(UserError, match=rf"--method\.{name} "):
        AttentionFixMatchParameters(**{name: value}).validate(10)  # pyright: ignore[reportArgumentType]
