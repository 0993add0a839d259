"""PSOL: deep descriptor transformation on maps with a known object, and the training on its boxes."""

from pathlib import Path
from typing import NamedTuple, cast

import pytest
import torch
from tests.tiny import Case, case_options, tiny_dataset, write_tiny
from torch import Tensor, nn

from fewlabels.methods.localize.psol import PSOL, PSOLParameters, common_boxes
from fewlabels.methods.method import Batch, Labelled, Pool, Problem, Unlabelled
from fewlabels.models.classifier import Classifier, SingleClassifier
from fewlabels.models.localizer import Localizer
from fewlabels.randomness import Draws
from fewlabels.run.train import train

BOXES = [(1, 1, 4, 3), (3, 2, 6, 6), (2, 4, 5, 6)]
"""Columns and rows of the object in each of three maps of 7 x 7."""
FRACTIONS = torch.tensor(BOXES) / 7


def thing_maps(sign: float = 1.0) -> Tensor:
    """Return maps (3, 4, 7, 7) in which object and background have one descriptor each, with some noise."""
    generator = torch.Generator().manual_seed(0)
    thing, background = torch.tensor([3.0, 0, 1, 0]), torch.tensor([0.0, 2, 1, 0])
    maps = background[None, :, None, None].repeat(3, 1, 7, 7)
    for one, (x0, y0, x1, y1) in zip(maps, BOXES, strict=True):
        one[:, y0:y1, x0:x1] = thing[:, None, None]
    return sign * (maps + 0.1 * torch.randn(maps.shape, generator=generator))


@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_the_box_is_around_the_common_object(sign: float) -> None:
    torch.testing.assert_close(common_boxes(thing_maps(sign)), FRACTIONS)


def test_the_box_is_around_the_largest_component() -> None:
    maps = thing_maps()
    maps[0, :, 5, 5] = maps[0, :, 1, 1]
    torch.testing.assert_close(common_boxes(maps), FRACTIONS)


def test_the_box_of_an_image_without_the_object_is_the_whole_image() -> None:
    maps = thing_maps()
    maps[1] = torch.tensor([0.0, 2, 1, 0])[:, None, None]
    torch.testing.assert_close(common_boxes(maps)[1], torch.tensor([0.0, 0, 1, 1]))


def test_the_box_of_a_constant_map_is_the_whole_image() -> None:
    torch.testing.assert_close(common_boxes(torch.ones(2, 4, 5, 5)), torch.tensor([[0.0, 0, 1, 1]] * 2))


class MapPool(NamedTuple):
    """Six images: the objects of the maps twice, as classes 0 and 1."""

    averaged: Classifier = cast(Classifier, None)
    labelled_rows: Tensor = torch.tensor([2, 3, 4, 5, 6, 7])
    labels: Tensor = torch.tensor([0, 1, 0, 1, 0, 1])

    def maps(self, model: Classifier, rows: Tensor) -> Tensor:
        assert rows.tolist() in ([2, 4, 6], [3, 5, 7]), "class by class"
        return thing_maps()


def make(boxes: Tensor | None = None, **values: object) -> PSOL:
    class Pooled(nn.Module):
        def forward_features(self, x: Tensor) -> Tensor:
            return x

        def forward_head(self, x: Tensor, pre_logits: bool = False) -> Tensor:
            return x.mean((2, 3))

    halves = nn.Module()
    halves.forward = lambda features: 0.5 * features.expand(-1, 4)  # 0.5 for the plain view, which is 1 everywhere
    parameters = PSOLParameters(**values)  # pyright: ignore[reportArgumentType]
    rule = PSOL.network(parameters).boxes
    assert rule is not None
    model = Localizer(SingleClassifier(Pooled(), nn.Linear(1, 2), 1, 2), SingleClassifier(Pooled(), halves, 1, 4), rule)
    return PSOL(model, parameters, Problem(2, 10, 6, 0, boxes=boxes))


def batch(number: int) -> Batch:
    rows = torch.tensor([2, 7])
    labelled = Labelled((torch.zeros(2, 1, 8, 8), torch.ones(2, 1, 8, 8)), torch.tensor([0, 1]), rows)
    return Batch(labelled, Unlabelled((), rows[:0]), 1, 0.1, Draws(1, rows), number)


def test_boxes_are_found_per_class_and_learned_per_image() -> None:
    method = make()
    method.start_round(0, cast(Pool, MapPool()))
    torch.testing.assert_close(method.boxes[torch.tensor([2, 4, 6])], FRACTIONS)
    torch.testing.assert_close(method.boxes[0], torch.tensor([0.0, 0, 1, 1]))
    expected = 50 * (torch.stack([FRACTIONS[0], FRACTIONS[2]]) - 0.5).square().mean()
    torch.testing.assert_close(method.losses(batch(0)).terms["regression"], expected)


def test_given_boxes_are_learned_and_none_are_computed() -> None:
    boxes = torch.arange(40).reshape(10, 4) / 40
    method = make(boxes, generator="runs/found")
    method.start_round(0, cast(Pool, None))
    expected = 50 * (boxes[torch.tensor([2, 7])] - 0.5).square().mean()
    torch.testing.assert_close(method.losses(batch(0)).terms["regression"], expected)


def test_with_trained_features_the_classifier_is_trained_first() -> None:
    method = make(features="trained")
    assert method.rounds == 2
    method.start_round(0, cast(Pool, None))
    assert set(method.losses(batch(0)).terms) == {"classification"}
    method.start_round(1, cast(Pool, MapPool()))
    torch.testing.assert_close(method.boxes[torch.tensor([3, 5, 7])], FRACTIONS)
    assert set(method.losses(batch(1)).terms) == {"classification", "regression"}


def test_a_run_with_two_rounds_finishes(tmp_path: Path) -> None:
    """The second network joins an optimiser that already has momentum."""
    case = Case("localize", "psol")
    options = case_options(write_tiny(tmp_path), case, tmp_path / "run", steps=6, parameters={"features": "trained"})
    folder = train(options, say=lambda _: None, dataset=tiny_dataset("localize"))
    assert "regression" in (folder / "history.csv").read_text()
