"""Hide-and-Seek: hide random cells of a grid, so that no part of an object is always visible."""

from torch import Tensor

from fewlabels.randomness import Draws


def hide(images: Tensor, draws: Draws, size: int, probability: float) -> Tensor:
    """Set random cells of a square grid to 0, the mean of normalised images (Singh and Lee, ICCV 2017).

    "Grid size 4, drop .5", the default of wsolevaluation, means cells of 4 x 4 pixels, each hidden with probability 1/2
    (docs/papers/baselines.md, hide-and-seek). The grid starts at the top left corner; cells at the right and at the
    bottom may be smaller. All channels of a cell are hidden together, and the cells are drawn for each image.

    Args:
        images: (B, C, H, W) floating point, normalised.
        draws: B slots.
        size: side of a cell in pixels, at least 1.
        probability: of hiding a cell, from 0 to 1.

    Returns:
        New images of the same shape and dtype.
    """
    assert size >= 1
    assert 0 <= probability <= 1
    height, width = images.shape[2:]
    down, across = -(-height // size), -(-width // size)
    there = Draws(draws.key, draws.slots.to(images.device, non_blocking=True))
    cells = (there.uniform(down * across) < probability).view(-1, 1, down, across)
    hidden = cells.repeat_interleave(size, dim=2).repeat_interleave(size, dim=3)
    return images.masked_fill(hidden[:, :, :height, :width], 0)
