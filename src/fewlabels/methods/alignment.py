"""Distribution alignment: the mean prediction on unlabelled images is matched to the class frequencies of the labels.

Legend: B images of the batch, C classes, q softmax probabilities.
"""

import torch
from torch import Tensor, nn
from torch.nn.functional import one_hot

from fewlabels.methods.global_batch import gather


class DistributionAlignment(nn.Module):
    """Replace q by q * p(y) / mean q, with normalised rows (Berthelot et al., ReMixMatch, ICLR 2020, Sec. 3.1).

    p(y) is the running share of each class among the labels, mean q the running mean prediction; both start uniform.
    Self-training makes frequent predictions more frequent, and the alignment counteracts this.
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
        """Update both averages with the global batch and return the aligned q.

        Args:
            q: (B, C) probabilities of the unlabelled images.
            labels: (L,) int64 classes of the labelled images.

        Returns:
            (B, C) probabilities.
        """
        shares = one_hot(gather(labels), len(self.labelled)).to(q.dtype).mean(0)
        self.labelled.lerp_(shares, 1 - self.momentum)
        self.predicted.lerp_(gather(q).mean(0), 1 - self.momentum)
        aligned = q * (self.labelled / self.predicted.clamp_min(1e-6))
        return aligned / aligned.sum(1, keepdim=True)
