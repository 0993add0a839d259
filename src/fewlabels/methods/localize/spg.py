"""SPG: places that are surely object or background supervise inner layers to separate the two."""

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn.functional import binary_cross_entropy_with_logits, cross_entropy

from fewlabels.errors import UserError
from fewlabels.methods.localizing import MapMethod, MapParameters
from fewlabels.methods.method import Batch, Losses, Problem, parameter
from fewlabels.models.localizer import Localizer
from fewlabels.models.maps.cam import class_activation_maps, enlarge, head_weight
from fewlabels.models.maps.regions import scaled
from fewlabels.models.stages import at_stages, last_stages

BRANCH_WIDTH = 512
"""Width of the branches in wsolevaluation; here they are no wider than the last map."""


@dataclass(frozen=True)
class SPGParameters(MapParameters):
    """Defaults of the authors' code (xiaomengyc/SPG)."""

    attention_foreground: float = parameter(
        0.7, "h: foreground threshold of the attention, which supervises B2", least=0, below=1
    )
    attention_background: float = parameter(0.01, "l: background threshold of the attention", least=0, below=1)
    inner_foreground: float = parameter(
        0.5, "h: foreground threshold of B2's map, which supervises B1", least=0, below=1
    )
    inner_background: float = parameter(0.05, "l: background threshold of B2's map", least=0, below=1)
    fused_foreground: float = parameter(
        0.7, "h: foreground threshold of the mean of B1's and B2's map, which supervises C", least=0, below=1
    )
    fused_background: float = parameter(
        0.1, "l: background threshold of the mean of B1's and B2's map", least=0, below=1
    )

    def validate(self, num_classes: int) -> None:
        """Check that no background threshold is above its foreground threshold."""
        for name in ("attention", "inner", "fused"):
            low, high = getattr(self, f"{name}_background"), getattr(self, f"{name}_foreground")
            if low > high:
                raise UserError(
                    f"--method.{name}_background {low} is above --method.{name}_foreground {high}: a place could be "
                    "both; give a lower one"
                )


class SPG(MapMethod):
    """Our reading of the paper for any backbone, from the public codes (docs/papers/baselines.md, spg).

    - The final branch is the classifier; its attention is the CAM of the true class, scaled to 0 to 1 per image.
    - Branches B1 and B2 take the outputs of the last two stages (Inception: Mixed_5d and 6e), C takes the last map.
      Each gives one map: 3x3 convolution, ReLU, 3x3 convolution, ReLU, 1x1 convolution; C has one 3x3 convolution. B1
      and B2 share the layers from the second convolution on. The final branch has no layers of its own.
    - Seeds of the attention supervise B2, seeds of B2's sigmoid map supervise B1, and seeds of the mean of both sigmoid
      maps supervise C. Seeds are the places above h (foreground) or below l (background).
    - All maps are upsampled to the image size before they are compared. The loss of a branch is the mean over an
      image's seeds and then over the images, so that several processes agree; the code's is a mean over all seeds.
    - The code lowers h for images with hardly any foreground; here these have no foreground seeds.

    The branches train the trunk, belong to the method, and are not needed at test time. Batch statistics are updated in
    the one pass.
    """

    title = "SPG"
    paper = "Zhang et al., Self-produced Guidance for Weakly-supervised Object Localization, ECCV 2018."
    idea = (
        "Places where the class's map is high are taken as object, places where it is low as background; these seeds "
        "supervise inner layers, whose maps give further seeds. The box comes from the CAM."
    )
    hyperparameters = SPGParameters
    frozen_trunk = "pixels"
    model: Localizer
    p: SPGParameters

    def __init__(self, model: Localizer, parameters: SPGParameters, problem: Problem) -> None:
        super().__init__(model, parameters, problem)
        last = head_weight(model.classifier).shape[1]
        self.stages = last_stages(model.networks()[0].backbone, 2)
        width = min(BRANCH_WIDTH, last)
        self.own = nn.ModuleList(nn.Conv2d(stage.width, width, 3, padding=1) for stage in self.stages)
        self.shared = _to_one_map(width, width)
        self.final = _to_one_map(last, width)

    def losses(self, batch: Batch) -> Losses:
        """Return the cross-entropy and the three branches' losses, all with weight 1."""
        x, labels = batch.labelled.views[0], batch.labelled.labels
        classifier, seen = self.model.networks()[0], dict[int, Tensor]()
        with at_stages(classifier.backbone, self.stages, seen.__setitem__):
            found = classifier.outputs(x)
        cam = class_activation_maps(found.map.detach(), head_weight(classifier).detach(), labels)
        attention = scaled(enlarge(cam, x.shape[2]), "min-max")
        first, second = (self.shared(own(seen[number]).relu()) for number, own in enumerate(self.own))
        b1, b2, c = (enlarge(maps[:, 0].float(), x.shape[2]) for maps in (first, second, self.final(found.map)))
        p, fused = self.p, (b1.sigmoid() + b2.sigmoid()) / 2
        return Losses(
            {
                "supervised": cross_entropy(found.logits, labels),
                "seeds_b2": seed_loss(b2, attention, p.attention_foreground, p.attention_background),
                "seeds_b1": seed_loss(b1, b2.sigmoid(), p.inner_foreground, p.inner_background),
                "seeds_c": seed_loss(c, fused, p.fused_foreground, p.fused_background),
            }
        )


def _to_one_map(inputs: int, width: int) -> nn.Module:
    return nn.Sequential(nn.Conv2d(inputs, width, 3, padding=1), nn.ReLU(), nn.Conv2d(width, 1, 1))


def seed_loss(logits: Tensor, guide: Tensor, foreground: float, background: float) -> Tensor:
    """Return the binary cross-entropy of a map at its seeds.

    The target is 1 where the guide is above ``foreground`` and 0 where it is below ``background``; places in between
    are ignored.

    Args:
        logits: (B, h, w) of a branch's map.
        guide: (B, h, w) from 0 to 1; gets no gradient.
        foreground: h, from 0 to below 1.
        background: l, from 0 to h.

    Returns:
        a scalar, the mean over each image's seeds and then over the images; an image without seeds counts 0.
    """
    guide = guide.detach()
    target = guide > foreground
    known = target | (guide < background)
    losses = binary_cross_entropy_with_logits(logits, target.to(logits.dtype), reduction="none")
    return (torch.where(known, losses, 0).sum((1, 2)) / known.sum((1, 2)).clamp_min(1)).mean()
