"""What is remembered of each image between its visits.

Legend: N rows of the data set, B unlabelled images of the batch, C classes.
"""

import torch
from torch import Tensor, nn

from fewlabels.methods.global_batch import gather


class ImageAverage(nn.Module):
    """An average of all predictions on each image: Z <- momentum Z + (1 - momentum) z (Laine and Aila, Alg. 2).

    Z starts at 0, so it is divided by 1 - momentum^visits, with the visits of that image: the stream visits every
    image once per epoch, and each visit counts once, whatever the other images did. An image that stands in a batch
    several times is visited once, with the mean of its predictions.
    """

    totals: Tensor
    visits: Tensor

    def __init__(self, num_images: int, num_classes: int, momentum: float) -> None:
        super().__init__()
        self.momentum = momentum
        self.register_buffer("totals", torch.zeros(num_images, num_classes))
        self.register_buffer("visits", torch.zeros(num_images, dtype=torch.int64))

    def visited(self, rows: Tensor) -> Tensor:
        """(B,) bool: was there an earlier visit to these rows (B,)?"""
        return self.visits[rows] > 0

    def averages(self, rows: Tensor) -> Tensor:
        """(B, C) the corrected averages of these rows (B,); zeros where none was visited."""
        started = 1 - self.momentum ** self.visits[rows].clamp_min(1).to(self.totals.dtype)
        return self.totals[rows] / started[:, None]

    @torch.no_grad()
    def update(self, rows: Tensor, values: Tensor) -> None:
        """Take in the predictions (B, C) of these rows (B,), those of the other processes included."""
        rows, values = gather(rows), gather(values).to(self.totals.dtype)
        same = rows[:, None] == rows
        means = same.to(values.dtype) @ values / same.sum(1, keepdim=True)
        first = same.int().argmax(1)  # every copy writes the very same bits, so the order of writing can't matter
        self.totals[rows] = self.momentum * self.totals[rows] + (1 - self.momentum) * means[first]
        self.visits[rows] = self.visits[rows] + 1
