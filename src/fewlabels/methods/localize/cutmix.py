"""CutMix: a box of one training image is pasted into another, and the labels are mixed by area."""

from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

from fewlabels.methods.boxes import draw_boxes, inside
from fewlabels.methods.global_batch import gather
from fewlabels.methods.localizing import MapMethod, MapParameters
from fewlabels.methods.method import Batch, parameter
from fewlabels.methods.mixing import permuted_partners
from fewlabels.methods.semantic_mixing import two_label_loss
from fewlabels.randomness import Draws


@dataclass(frozen=True)
class CutMixParameters(MapParameters):
    """Defaults of the paper on ImageNet."""

    beta: int = parameter(1, "the box covers the share 1 - lambda, lambda ~ Beta(beta, beta)", least=1, most=1000)
    probability: float = parameter(1.0, "probability that a batch is mixed", least=0, most=1)


class AreaMix(NamedTuple):
    """Mixed images with two labels weighted by area."""

    images: Tensor
    """(B, C, H, W)."""
    others: Tensor
    """(B,) int64 labels of the images that the pasted boxes come from."""
    share: Tensor
    """(1,) remaining share of the area: lambda after the box was clipped at the border."""


class CutMix(MapMethod):
    """One box, one lambda and one permutation of the whole batch per step, as in the authors' code.

    The box is pasted at the place it was cut from. Batch statistics are updated in the pass over the mixed images.
    """

    title = "CutMix"
    paper = (
        "Yun et al., CutMix: Regularization Strategy to Train Strong Classifiers with Localizable Features, ICCV 2019."
    )
    idea = (
        "A box of one training image is pasted into another, and the loss weights both labels by their shares of the "
        "area, so that the classifier has to recognise objects by any of their parts. The box comes from the CAM."
    )
    hyperparameters = CutMixParameters
    frozen_trunk = "pixels"
    p: CutMixParameters

    def loss(self, x: Tensor, labels: Tensor, batch: Batch) -> Tensor:
        """Return lambda CE(own label) + (1 - lambda) CE(label of the pasted image), a scalar."""
        mixed = self.mix(x, labels, batch.draws)
        return two_label_loss(self.model(mixed.images), (labels, mixed.others), (mixed.share, 1 - mixed.share)).mean()

    @torch.no_grad()
    def mix(self, x: Tensor, labels: Tensor, draws: Draws) -> AreaMix:
        """Mix images (B, C, H, W) with others of the global batch; all processes draw the same box and permutation."""
        height, width = x.shape[2:]
        once = Draws(draws.fork("box").key, torch.zeros(1, dtype=torch.int64))
        mixing = once.fork("probability").uniform(1)[:, 0] < self.p.probability
        box = draw_boxes(once, height, width, self.p.beta).where(mixing).to(x.device)
        every, classes = gather(x), gather(labels)
        partner = permuted_partners(draws.fork("partners"), len(classes)).to(x.device, non_blocking=True)
        # both images have the box at the same place, so pixels are copied and not resampled
        images = torch.where(inside(box, height, width)[:, None], every[partner], x)
        return AreaMix(images, classes[partner], 1 - box.area / (height * width))
