"""Hide-and-Seek: random cells of a grid are set to 0."""

import pytest
import torch
from torch import Tensor

from fewlabels.augment.hide import hide
from fewlabels.randomness import Draws

DRAWS = Draws(2, torch.arange(50))


def hidden(images: Tensor, size: int, probability: float = 0.5) -> Tensor:
    """Return the hidden pixels, (B, H, W) bool, of images without a zero."""
    result = hide(images, DRAWS.take(torch.arange(len(images))), size, probability)
    gone = result == 0
    assert torch.equal(result[~gone], images[~gone])
    assert torch.equal(gone.any(1), gone.all(1)), "all channels of a pixel are hidden together"
    return gone[:, 0]


@pytest.mark.parametrize(("height", "width", "size"), [(32, 32, 4), (30, 17, 4), (8, 8, 16), (9, 9, 1)])
def test_whole_cells_are_hidden(height: int, width: int, size: int) -> None:
    gone = hidden(torch.rand(50, 3, height, width) + 1, size)
    for top in range(0, height, size):
        for left in range(0, width, size):
            cell = gone[:, top : top + size, left : left + size].flatten(1)
            assert torch.equal(cell.any(1), cell.all(1))
            assert cell.any()
            assert not cell.all()


def test_cells_are_independent_of_their_neighbours_and_of_other_images() -> None:
    cells = hidden(torch.ones(50, 1, 40, 40), 4)[:, ::4, ::4].flatten(1).float()
    assert (torch.corrcoef(cells.T) - torch.eye(100)).abs().max() < 5 / 50**0.5
    assert (torch.corrcoef(cells) - torch.eye(50)).abs().max() < 5 / 100**0.5


@pytest.mark.parametrize("probability", [0.0, 0.2, 0.5, 1.0])
def test_the_given_share_of_cells_is_hidden(probability: float) -> None:
    share = hidden(torch.ones(50, 1, 40, 40), 4, probability).float().mean()
    assert abs(share - probability) <= 4 * (probability * (1 - probability) / 5000) ** 0.5


def test_hidden_cells_depend_on_the_slot_only_and_the_input_is_not_changed() -> None:
    images = torch.rand(50, 3, 16, 16) + 1
    before, rows = images.clone(), torch.tensor([3, 40, 3])
    whole = hide(images, DRAWS, 4, 0.5)
    assert torch.equal(hide(images[rows], DRAWS.take(rows), 4, 0.5), whole[rows])
    assert torch.equal(images, before)


def test_hidden_pixels_have_no_gradient_and_the_others_have_one() -> None:
    images = torch.ones(1, 1, 8, 8, requires_grad=True)
    result = hide(images, Draws(1, torch.arange(1)), 2, 0.5)
    result.sum().backward()
    assert images.grad is not None
    assert torch.equal(images.grad, (result != 0).float())
