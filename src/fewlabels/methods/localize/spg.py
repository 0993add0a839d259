"""SPG: what the classifier is sure of, object and background, teaches inner layers to tell one from the other."""

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

WIDTH = 512
"""Of the branches in wsolevaluation; ours are no wider than the last map."""


@dataclass(frozen=True)
class SPGParameters(MapParameters):
    """Defaults of METHODS 6.4."""

    attention_foreground: float = parameter(0.7, "h of the attention's seeds, which teach B2", least=0, below=1)
    attention_background: float = parameter(0.01, "l of the attention's seeds", least=0, below=1)
    inner_foreground: float = parameter(0.5, "h of the seeds from B2's map, which teach B1", least=0, below=1)
    inner_background: float = parameter(0.05, "l of the seeds from B2's map", least=0, below=1)
    fused_foreground: float = parameter(
        0.7, "h of the seeds from the mean of B1's and B2's map, for C", least=0, below=1
    )
    fused_background: float = parameter(0.1, "l of the seeds from the mean of B1's and B2's map", least=0, below=1)

    def validate(self, num_classes: int) -> None:
        """Background lies below foreground."""
        for name in ("attention", "inner", "fused"):
            low, high = getattr(self, f"{name}_background"), getattr(self, f"{name}_foreground")
            if low > high:
                raise UserError(
                    f"--method.{name}_background {low} is above --method.{name}_foreground {high}: a place would be "
                    "both; give a lower one"
                )


class SPG(MapMethod):
    """Our reading, for any backbone, of a paper known here from METHODS 6.4 and wsolevaluation's code.

    - The final branch is the classifier, its attention the CAM of the true class, scaled to 0 to 1 within the image.
    - Branches B1 and B2 look at the ends of the last two stages (Inception: Mixed_5d and 6e), C at the last map. Each
      gives one map: 3x3 convolution, ReLU, 3x3 convolution, ReLU, 1x1 convolution; C has one 3x3 convolution. From its
      second convolution on, B1 and B2 are one. The final branch gets no layers of its own.
    - Seeds of the attention teach B2, seeds of B2's sigmoid map teach B1, seeds of the mean of both sigmoid maps C.
    - All maps are enlarged to the image's side before anything is compared. The loss of a branch is the mean over an
      image's seeds and then over the images, so that several processes agree; the code's is over all seeds at once.
    - The code lowers h for an image with hardly any foreground; ours has no foreground seeds then.

    The branches train the trunk, belong to the method, and are not needed at test time. Batch statistics move in the
    one pass.
    """

    title = "SPG"
    paper = "Zhang et al., Self-produced Guidance for Weakly-supervised Object Localization, ECCV 2018."
    idea = (
        "Where the class's map is surely high lies the object, where it is surely low lies background: these seeds "
        "teach inner layers to tell the two apart, whose maps give seeds in turn. The box is that of CAM."
    )
    hyperparameters = SPGParameters
    frozen_trunk = "pixels"
    model: Localizer
    p: SPGParameters

    def __init__(self, model: Localizer, parameters: SPGParameters, problem: Problem) -> None:
        super().__init__(model, parameters, problem)
        last = head_weight(model.classifier).shape[1]
        self.stages = last_stages(model.networks()[0].backbone, 2)
        width = min(WIDTH, last)
        self.own = nn.ModuleList(nn.Conv2d(stage.width, width, 3, padding=1) for stage in self.stages)
        self.shared = _to_one_map(width, width)
        self.final = _to_one_map(last, width)

    def losses(self, batch: Batch) -> Losses:
        """Cross-entropy, and the three branches' losses, all of weight 1."""
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
    """Binary cross-entropy of (B, h, w) logits at the seeds: 1 where the guide is above ``foreground``, 0 where it is
    below ``background``, and nothing in between.

    Args:
        logits: of a branch's map.
        guide: (B, h, w) from 0 to 1; never differentiated.
        foreground: h.
        background: l, at most h.

    Returns:
        a scalar, the mean over each image's seeds and then over the images; an image without a seed counts 0.
    """
    guide = guide.detach()
    target = guide > foreground
    known = target | (guide < background)
    losses = binary_cross_entropy_with_logits(logits, target.to(logits.dtype), reduction="none")
    return (torch.where(known, losses, 0).sum((1, 2)) / known.sum((1, 2)).clamp_min(1)).mean()
