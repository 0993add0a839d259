"""CutMix: a box of one training image is pasted into another, and the label says how much of each is to be seen."""

from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

from fewlabels.methods.boxes import draw_boxes, inside
from fewlabels.methods.global_batch import gather
from fewlabels.methods.localizing import MapMethod, MapParameters
from fewlabels.methods.method import Batch, parameter
from fewlabels.methods.mixing import partners
from fewlabels.methods.semantic_mixing import two_label_loss
from fewlabels.randomness import Draws


@dataclass(frozen=True)
class CutMixParameters(MapParameters):
    """Defaults of the paper on ImageNet."""

    beta: int = parameter(1, "the box covers the share 1 - lambda, lambda ~ Beta(beta, beta)", least=1, most=1000)
    probability: float = parameter(1.0, "of a batch being mixed", least=0, most=1)


class Mixed(NamedTuple):
    """Images with a box of another."""

    images: Tensor
    """(B, C, H, W)."""
    others: Tensor
    """(B,) int64 labels of the images that the boxes are from."""
    share: Tensor
    """(1,) what is left of the area: lambda after the box was cut off at the border."""


class CutMix(MapMethod):
    """One box, one lambda and one order of the whole batch per step, as in the authors' code; what is pasted lies where
    it lay. Batch statistics move in the pass over the mixed images.
    """

    title = "CutMix"
    paper = (
        "Yun et al., CutMix: Regularization Strategy to Train Strong Classifiers with Localizable Features, ICCV 2019."
    )
    idea = (
        "A box of one training image is pasted into another, whose label is then both classes by their shares of the "
        "area: the classifier has to know objects by any of their parts. The box is that of CAM."
    )
    hyperparameters = CutMixParameters
    frozen_trunk = "pixels"
    p: CutMixParameters

    def loss(self, x: Tensor, labels: Tensor, batch: Batch) -> Tensor:
        """lambda CE(own label) + (1 - lambda) CE(label of the pasted)."""
        mixed = self.mix(x, labels, batch.draws)
        return two_label_loss(self.model(mixed.images), (labels, mixed.others), (mixed.share, 1 - mixed.share)).mean()

    @torch.no_grad()
    def mix(self, x: Tensor, labels: Tensor, draws: Draws) -> Mixed:
        """Mix (B, C, H, W) images with others of the global batch; every process draws the same box and order."""
        height, width = x.shape[2:]
        once = Draws(draws.fork("box").key, torch.zeros(1, dtype=torch.int64))
        mixing = once.fork("probability").uniform(1)[:, 0] < self.p.probability
        box = draw_boxes(once, height, width, self.p.beta).where(mixing).to(x.device)
        every, classes = gather(x), gather(labels)
        partner = partners(draws.fork("partners"), len(classes)).to(x.device, non_blocking=True)
        # what both images have at the same place is copied: no pixel is resampled
        images = torch.where(inside(box, height, width)[:, None], every[partner], x)
        return Mixed(images, classes[partner], 1 - box.area / (height * width))
