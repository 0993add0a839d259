"""Distribution alignment: predictions on unlabelled images are held to the class shares of the labels.

Legend: B images of the batch, C classes, q softmax probabilities.
"""

import torch
from torch import Tensor, nn
from torch.nn.functional import one_hot

from fewlabels.methods.global_batch import gather


class DistributionAlignment(nn.Module):
    """q * p(y) / mean q, rows normalised (Berthelot et al., ReMixMatch, ICLR 2020, Sec. 3.1).

    p(y) is the running share of each class among the labels, mean q the running mean prediction, both started uniform.
    Self-training makes frequent predictions more frequent; this takes away what makes a class a favourite.
    """

    labelled: Tensor
    predicted: Tensor

    def __init__(self, num_classes: int, momentum: float) -> None:
        super().__init__()
        self.momentum = momentum
        self.register_buffer("labelled", torch.full((num_classes,), 1 / num_classes))
        self.register_buffer("predicted", torch.full((num_classes,), 1 / num_classes))

    @torch.no_grad()
    def forward(self, q: Tensor, labels: Tensor) -> Tensor:
        """Move both averages, labels (L,) and q (B, C) taken over the global batch, and return q aligned, (B, C)."""
        shares = one_hot(gather(labels), len(self.labelled)).to(q.dtype).mean(0)
        self.labelled.lerp_(shares, 1 - self.momentum)
        self.predicted.lerp_(gather(q).mean(0), 1 - self.momentum)
        aligned = q * (self.labelled / self.predicted.clamp_min(1e-6))
        return aligned / aligned.sum(1, keepdim=True)
