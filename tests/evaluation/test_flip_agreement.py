"""The agreement of boxes in images and in mirrored images."""

import pytest
import torch
from torch import Tensor, nn

from fewlabels.evaluation.flip_agreement import flip_agreement, mirrored
from fewlabels.models.classifier import SingleClassifier
from fewlabels.models.localizer import Localizer
from fewlabels.models.maps.box_rule import BoxRule


class Says(SingleClassifier):
    """Gives one box for images that are brighter on the left, and another box for others."""

    def __init__(self, left: tuple[float, ...], right: tuple[float, ...]) -> None:
        super().__init__(nn.Identity(), nn.Identity(), 1, 4)
        self.left, self.right = torch.tensor(left), torch.tensor(right)

    def forward(self, x: Tensor) -> Tensor:
        half = x.shape[3] // 2
        bright = x[..., :half].sum((1, 2, 3)) > x[..., half:].sum((1, 2, 3))
        return torch.where(bright[:, None], self.left, self.right)


def agreement(left: tuple[float, ...], right: tuple[float, ...]) -> float:
    classifier = SingleClassifier(nn.Identity(), nn.Flatten(), 1, 2)
    classifier.forward = lambda x: x.mean((2, 3)).expand(-1, 2)
    images = torch.zeros(3, 1, 4, 4)
    images[:, :, :, 0] = 1
    return flip_agreement(Localizer(classifier, Says(left, right), BoxRule("network")), [images[:2], images[2:]])


def test_boxes_are_mirrored_left_to_right() -> None:
    torch.testing.assert_close(mirrored(torch.tensor([[0.1, 0.2, 0.4, 0.9]])), torch.tensor([[0.6, 0.2, 0.9, 0.9]]))


@pytest.mark.parametrize(
    ("right", "expected"),
    [((0.5, 0.0, 1.0, 1.0), 1.0), ((0.5, 0.0, 1.0, 0.5), 0.5), ((0.0, 0.0, 0.5, 1.0), 0.0)],
)
def test_the_agreement_is_the_mean_iou_of_boxes_that_move_with_the_image(
    right: tuple[float, ...], expected: float
) -> None:
    assert agreement((0.0, 0.0, 0.5, 1.0), right) == pytest.approx(expected, abs=1e-6)
