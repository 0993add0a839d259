"""Metrics for boxes."""

import csv
import json
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor
from torchvision.ops import box_iou

from fewlabels.data.dataset import UNLABELLED
from fewlabels.data.true_boxes import TrueBoxes
from fewlabels.evaluation.localization import (
    best_iou,
    centred_box,
    iou,
    kept_by_confidence,
    localization_metrics,
    max_box_accuracy,
)

NAN = float("nan")


def truth(*boxes: tuple[int, tuple[float, float, float, float]]) -> TrueBoxes:
    rows, corners = zip(*boxes, strict=True) if boxes else ((), np.empty((0, 4)))
    return TrueBoxes(np.array(rows, dtype=np.int64), np.array(corners, dtype=np.float64))


def box(*corners: float) -> Tensor:
    return torch.tensor(corners, dtype=torch.float64)


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        ((0, 0, 1, 1), (0, 0, 1, 0.5), 0.5),  # docs/papers/lchp.md, L-3
        ((0, 0, 2, 2), (1, 1, 3, 3), 1 / 7),
        ((1, 2, 5, 6), (3, 1, 4, 5), 3 / 17),
        ((0.1, 0.2, 0.6, 0.7), (0.2, 0.2, 0.5, 0.9), 0.4838709677),  # docs/papers/lchp.md, L-2
        ((0, 0, 1, 1), (0, 0.1, 1, 0.9), 0.8),
        ((0, 0, 1, 1), (1, 0, 2, 1), 0),  # half-open: they touch and share nothing
    ],
)
def test_overlaps_of_the_worked_example(one: tuple[float, ...], other: tuple[float, ...], expected: float) -> None:
    assert iou(box(*one), box(*other)).item() == pytest.approx(expected, abs=1e-10)


def test_overlaps_are_torchvisions() -> None:
    random = np.random.default_rng(0)
    a, b = (torch.from_numpy(np.sort(random.random((n, 2, 2)), axis=1).reshape(n, 4)) for n in (60, 50))
    torch.testing.assert_close(iou(a[:, None], b), box_iou(a, b), rtol=0, atol=1e-12)


@pytest.mark.parametrize("degenerate", [(0.5, 0.2, 0.5, 0.8), (0.6, 0.2, 0.4, 0.8), (0.6, 0.8, 0.4, 0.2)])
def test_a_box_without_area_overlaps_nothing_including_itself(degenerate: tuple[float, ...]) -> None:
    assert iou(box(*degenerate), box(0, 0, 1, 1)) == 0
    assert iou(box(0, 0, 1, 1), box(*degenerate)) == 0
    assert iou(box(*degenerate), box(*degenerate)) == 0


def test_the_best_of_the_true_boxes_counts_and_an_image_without_one_has_nan() -> None:
    true = truth((2, (0, 0, 0.5, 1)), (0, (0.9, 0.9, 1, 1)), (0, (0, 0, 1, 0.8)), (2, (0.5, 0.5, 0.5, 0.9)))
    ious = best_iou(torch.tensor([[0.0, 0, 1, 1]] * 3), true)
    assert ious.dtype == torch.float64
    assert ious.numpy() == pytest.approx([0.8, NAN, 0.5], nan_ok=True)


def test_without_any_true_box_all_images_have_nan() -> None:
    assert best_iou(torch.rand(3, 4), truth()).isnan().all()


def worked_example() -> tuple[Tensor, Tensor, Tensor]:
    """docs/papers/lchp.md, L-5: correct boxes 1, 1, 0, 1; top-1 classes 1, 0, 1, 0; top-5 classes 1, 1, 1, 0."""
    ascending = torch.arange(1.0, 7) / 21
    return (
        ascending.repeat(4, 1),
        torch.tensor([5, 1, 5, 0]),
        torch.tensor([0.9, 0.5, 0.4999, 0.7], dtype=torch.float64),
    )


def test_metrics_of_the_worked_example() -> None:
    metrics = localization_metrics(*worked_example())
    assert metrics == {
        "num_images": 4,
        "num_labelled": 4,
        "num_boxed": 4,
        "accuracy": 0.5,
        "gt_known": 0.75,
        "top1_loc": 0.25,
        "top5_loc": 0.5,
        "mean_iou": pytest.approx(2.5999 / 4),
    }
    assert json.loads(json.dumps(metrics)) == metrics


def test_an_image_without_a_true_box_is_ignored_in_box_metrics() -> None:
    probabilities, labels, ious = worked_example()
    ious[0] = NAN
    metrics = localization_metrics(probabilities, labels, ious)
    assert (metrics["num_images"], metrics["num_boxed"], metrics["accuracy"]) == (4, 3, 0.5)
    assert (metrics["gt_known"], metrics["top1_loc"], metrics["top5_loc"]) == (2 / 3, 0, 1 / 3)


def test_an_image_without_a_label_is_ignored_in_class_metrics() -> None:
    probabilities, labels, ious = worked_example()
    labels[0] = UNLABELLED
    metrics = localization_metrics(probabilities, labels, ious)
    assert (metrics["num_labelled"], metrics["gt_known"], metrics["accuracy"]) == (3, 0.75, 1 / 3)
    assert (metrics["top1_loc"], metrics["top5_loc"]) == (0, 1 / 3)


def test_a_metric_without_any_image_is_omitted() -> None:
    probabilities, labels, ious = worked_example()
    unboxed = localization_metrics(probabilities, labels, torch.full_like(ious, NAN))
    assert unboxed == {"num_images": 4, "num_labelled": 4, "num_boxed": 0, "accuracy": 0.5}
    unlabelled = localization_metrics(probabilities, torch.full_like(labels, UNLABELLED), ious)
    assert set(unlabelled) == {"num_images", "num_labelled", "num_boxed", "gt_known", "mean_iou"}


def test_fewer_than_five_classes_are_all_in_the_top_five() -> None:
    metrics = localization_metrics(torch.tensor([[0.9, 0.1]] * 2), torch.tensor([1, 1]), torch.tensor([0.6, 0.2]))
    assert (metrics["top1_loc"], metrics["top5_loc"]) == (0, 0.5)


def test_equally_probable_classes_are_not_all_the_top_one() -> None:
    metrics = localization_metrics(torch.full((7, 7), 1 / 7), torch.arange(7), torch.ones(7))
    assert metrics["top1_loc"] == metrics["accuracy"] == pytest.approx(1 / 7)
    assert metrics["top5_loc"] == pytest.approx(5 / 7)


def test_no_images_have_no_metrics() -> None:
    assert localization_metrics(torch.empty(0, 3), torch.empty(0, dtype=torch.int64), torch.empty(0)) == {}


def test_a_threshold_keeps_boxes_of_greater_confidence() -> None:
    confidence, ious = torch.tensor([0.95, 0.8, 0.75, 0.55, 0.0]), torch.tensor([0.9, 0.4, 0.5, NAN, 0.1])
    rows = kept_by_confidence(confidence, ious)
    assert [row.threshold for row in rows] == [0, 0.5, 0.6, 0.7, 0.8, 0.9]
    assert [row.kept for row in rows] == [4, 4, 3, 3, 1, 1]
    assert [row.gt_known for row in rows] == [pytest.approx(2 / 3)] * 4 + [1, 1]


def test_without_kept_boxes_there_is_no_accuracy() -> None:
    assert kept_by_confidence(torch.tensor([0.3]), torch.tensor([1.0]), thresholds=(0.9,)) == [(0.9, 0, None)]


def two_blobs() -> Tensor:
    """A map with a large faint blob and a small bright one in opposite corners."""
    scores = torch.zeros(1, 20, 20)
    scores[:, :10, :10] = 0.4
    scores[:, 14:, 14:] = 1
    return scores


SIDE = 20
LARGE, SMALL, WHOLE = (0, 0, 0.5, 0.5), (0.7, 0.7, 1, 1), (0, 0, 1, 1)


@pytest.mark.parametrize(
    ("true", "first", "second"),
    [
        (LARGE, 1, 1),
        (SMALL, 1, 1),  # the only blob above 0.4
        (WHOLE, 0, 0),  # IoU 0.25, below every threshold
        ((0, 0, 0.5, 1), 1, 2 / 3),  # IoU 0.5 with the large blob
    ],
)
def test_the_best_threshold_counts(true: tuple[float, ...], first: float, second: float) -> None:
    metrics = max_box_accuracy(two_blobs(), TrueBoxes(np.array([0]), np.array([true])), SIDE)
    assert metrics == {"max_box_acc": first, "max_box_acc_v2": pytest.approx(second)}


def test_all_images_share_one_threshold() -> None:
    metrics = max_box_accuracy(two_blobs().repeat(2, 1, 1), truth((0, LARGE), (1, SMALL)), SIDE)
    assert metrics == {"max_box_acc": 0.5, "max_box_acc_v2": pytest.approx(1)}


def test_pixels_that_touch_at_a_corner_are_one_component() -> None:
    metrics = max_box_accuracy(torch.eye(4)[None], truth((0, WHOLE)), 4)
    assert metrics["max_box_acc"] == 1


def test_a_constant_map_is_a_miss_and_a_map_without_a_true_box_is_ignored() -> None:
    maps = torch.cat([torch.zeros(1, 20, 20), two_blobs()])
    assert max_box_accuracy(maps, truth((0, WHOLE)), SIDE)["max_box_acc_v2"] == 0
    assert max_box_accuracy(maps, truth((1, LARGE)), SIDE)["max_box_acc_v2"] == pytest.approx(1)
    assert max_box_accuracy(maps, truth(), SIDE) == {}


@pytest.mark.data
@pytest.mark.parametrize(("side", "expected"), [(0.8, 0.447), (1.0, 0.209)])
def test_a_centred_box_has_its_documented_accuracy_on_the_first_50_classes_of_cub(
    shared_data: Path, side: float, expected: float
) -> None:
    with (shared_data / "cub50.csv").open() as file:
        images = [row for row in csv.DictReader(file) if row["split"] == "test"]
    pixels = np.array([[float(row[edge]) for edge in ("x0", "y0", "x1", "y1")] for row in images])
    sizes = np.array([[float(row["width"]), float(row["height"])] * 2 for row in images])
    ious = best_iou(centred_box(side).expand(len(images), 4), TrueBoxes(np.arange(len(images)), pixels / sizes))
    labels = torch.tensor([int(row["label"]) for row in images])
    metrics = localization_metrics(torch.zeros(len(images), 50), labels, ious)
    assert metrics["num_boxed"] == 1389
    assert metrics["gt_known"] == pytest.approx(expected, abs=5e-4)
