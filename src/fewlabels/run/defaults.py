"""Default settings: options that were not given are decided from the data and the device (docs/defaults.md)."""

from dataclasses import dataclass, replace

from fewlabels.data.dataset import Flip
from fewlabels.errors import UserError
from fewlabels.methods.method import FrozenTrunk
from fewlabels.options import TrainOptions

SMALL = 64
"""Images whose shorter side has at most this many pixels are small images; larger ones are photographs."""


FROZEN_STEPS = 1500
"""Steps of a head on cached features."""
BATCH = 64
"""Images in a batch on a CPU, labelled and unlabelled, of which at least 8 are labelled."""
ENLARGED = 128
"""Side that small images get, in pixels, where a method reads features of a pretrained network (docs/choosing.md)."""
SMALLEST = 16
"""Smaller images are enlarged to this side: rotating or cropping 8 x 8 pixels would destroy them."""


@dataclass(frozen=True)
class DataFacts:
    """The facts that the rule depends on."""

    short_side: int
    """Median over the images, in pixels."""
    flip: Flip
    accelerated: bool
    """Whether the device is not a CPU."""
    trains: bool
    """Whether the method has training steps."""
    frozen_trunk: FrozenTrunk = "features"
    """What the method reads from a frozen trunk."""
    image_size: int | None = None
    """Side that the method has by default, in pixels; None where it follows from ``short_side``."""
    mu: int = 0
    """Unlabelled images per labelled image in a batch."""
    least_batch: int = 0
    """Lower bound of the labelled images in a batch of this task."""
    small_steps: int | None = None
    """Steps for small images on a CPU in this task, where they differ."""


def decide(options: TrainOptions, facts: DataFacts) -> TrainOptions:
    """Fill in every option that is None.

    Raises:
        UserError: for steps, or training of the backbone, with a method that has neither.
    """
    side = options.image_size or facts.image_size or facts.short_side
    if _probes(options, facts):
        defaults = _photographs(facts, ENLARGED if side <= SMALL else side)
    else:
        defaults = _small(facts, side) if side <= SMALL else _photographs(facts, side)
    pretrained = (options.weights or defaults["weights"]) != "none"
    defaults["backbone_lr"] = 0.003 if pretrained else options.lr or 0.03
    defaults["statistics"] = "fixed" if pretrained else "moving"
    defaults["freeze"] = pretrained and side > SMALL and not facts.accelerated
    frozen = defaults["freeze"] if options.freeze is None else options.freeze
    defaults["clip"] = 1.0 if pretrained and (facts.frozen_trunk == "maps" or not frozen) else 0.0
    if not facts.trains:
        if options.steps or options.freeze is False:
            raise UserError(f"{options.method} trains no backbone and has no steps; leave --steps and --no-freeze out")
        defaults |= {"freeze": True, "steps": 0}
    elif facts.frozen_trunk == "features" and frozen:
        defaults |= {"steps": FROZEN_STEPS, "batch_size": 64}
    defaults["batch_size"] = max(facts.least_batch, defaults["batch_size"])
    defaults |= {"label_seed": options.seed, "weak": "weak", "strong": "strong"}
    decided = replace(options, **{k: v for k, v in defaults.items() if getattr(options, k) is None})
    assert decided.steps is not None
    return decided if decided.eval_every else replace(decided, eval_every=max(1, decided.steps // 10))


def _probes(options: TrainOptions, facts: DataFacts) -> bool:
    """Return whether only a head is fitted, to features that have to be those of a pretrained network."""
    return not facts.trains and options.weights in (None, "imagenet") and options.backbone is None


def _small(facts: DataFacts, side: int) -> dict:
    """Return the defaults for small images: trained from random weights, at their own size."""
    steps = 20000 if facts.accelerated else facts.small_steps or 1500
    return {
        "image_size": max(SMALLEST, facts.short_side), "flip": facts.flip, "backbone": "small_cnn", "weights": "none",
        "lr": 0.03, "batch_size": 64 if facts.accelerated else _labelled(facts), "steps": steps, "workers": 2,
    }  # fmt: skip


def _labelled(facts: DataFacts) -> int:
    """Return the labelled images in a batch on a CPU, so that a step costs about the same for every mu."""
    return max(8, BATCH // (1 + facts.mu)) if facts.mu else 8


def _photographs(facts: DataFacts, side: int) -> dict:
    """Return the defaults for photographs: ImageNet weights; on a CPU only the head is trained, on cached features."""
    return {
        "image_size": facts.image_size or min(224, max(96, side // 32 * 32)),
        "flip": facts.flip,
        "backbone": "tf_efficientnet_lite0", "weights": "imagenet", "lr": 0.03,
        "batch_size": 32 if facts.accelerated else _labelled(facts),
        "steps": 10000 if facts.accelerated else 1000, "workers": 2,
    }  # fmt: skip
