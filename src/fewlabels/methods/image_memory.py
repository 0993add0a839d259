"""Running averages of the predictions on each image.

Legend: N rows of the data set, B unlabelled images of the batch, C classes.
"""

import torch
from torch import Tensor, nn

from fewlabels.methods.global_batch import gather


class ImageAverage(nn.Module):
    """Average all predictions on each image: Z <- momentum Z + (1 - momentum) z (Laine and Aila, Alg. 2).

    Z starts at 0, so it is divided by 1 - momentum^visits. Visits are counted per image: the stream visits every image
    once per epoch. An image that occurs several times in a batch is visited once, with the mean of its predictions.
    """

    totals: Tensor
    visits: Tensor

    def __init__(self, num_images: int, num_classes: int, momentum: float) -> None:
        super().__init__()
        self.momentum = momentum
        self.register_buffer("totals", torch.zeros(num_images, num_classes))
        self.register_buffer("visits", torch.zeros(num_images, dtype=torch.int64))

    def visited(self, rows: Tensor) -> Tensor:
        """Return whether these rows (B,) were visited before, (B,) bool."""
        return self.visits[rows] > 0

    def averages(self, rows: Tensor) -> Tensor:
        """Return the corrected averages of these rows (B,), (B, C); zeros for rows that were not visited yet."""
        started = 1 - self.momentum ** self.visits[rows].clamp_min(1).to(self.totals.dtype)
        return self.totals[rows] / started[:, None]

    @torch.no_grad()
    def update(self, rows: Tensor, values: Tensor) -> None:
        """Add the predictions (B, C) on these rows (B,), including those of the other processes."""
        rows, values = gather(rows), gather(values).to(self.totals.dtype)
        same = rows[:, None] == rows
        means = same.to(values.dtype) @ values / same.sum(1, keepdim=True)
        first = same.int().argmax(1)  # all copies of a row write identical bits, so the order of writing has no effect
        self.totals[rows] = self.momentum * self.totals[rows] + (1 - self.momentum) * means[first]
        self.visits[rows] = self.visits[rows] + 1
