"""The one rule by which options that were not given are decided, from the data and the device (docs/defaults.md)."""

from dataclasses import dataclass, replace

from fewlabels.data.dataset import Flip
from fewlabels.errors import UserError
from fewlabels.methods.method import FrozenTrunk
from fewlabels.options import TrainOptions

SMALL = 64
"""Images whose shorter side is at most this many pixels are small pictures; larger ones are photographs."""


FROZEN_STEPS = 1500
"""Steps of a head on features that are kept."""
BATCH = 64
"""Images in a batch on a CPU, labelled and unlabelled ones together, of which 8 at least are labelled."""
SMALLEST = 16
"""Smaller pictures are enlarged to this side: rotating or cropping 8 x 8 pixels leaves too little."""


@dataclass(frozen=True)
class Facts:
    """What the rule looks at."""

    short_side: int
    """Median over the images, in pixels."""
    flip: Flip
    accelerated: bool
    """The device is not a CPU."""
    trains: bool
    """The method has steps at all."""
    frozen_trunk: FrozenTrunk = "features"
    """What the method reads from a frozen trunk."""
    mu: int = 0
    """Unlabelled images that come with each labelled one in a batch."""
    least_batch: int = 0
    """Labelled images that a batch of this task has at least."""
    small_steps: int | None = None
    """Steps that small pictures take on a CPU in this task, where that differs."""


def decide(options: TrainOptions, facts: Facts) -> TrainOptions:
    """Fill in every option that is None.

    Raises:
        UserError: for steps, or training of the backbone, with a method that has neither.
    """
    side = options.image_size or facts.short_side
    defaults = _small(facts, side) if side <= SMALL else _photographs(facts)
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


def _small(facts: Facts, side: int) -> dict:
    """Trained from nothing, at the size they have."""
    steps = 20000 if facts.accelerated else facts.small_steps or (3000 if side <= 40 else 1500)
    return {
        "image_size": max(SMALLEST, facts.short_side), "flip": facts.flip, "backbone": "small_cnn", "weights": "none",
        "lr": 0.03, "batch_size": 64 if facts.accelerated else _labelled(facts), "steps": steps, "workers": 2,
    }  # fmt: skip


def _labelled(facts: Facts) -> int:
    """Labelled images in a batch on a CPU: a step costs about the same whatever share of it is unlabelled."""
    return max(8, BATCH // (1 + facts.mu)) if facts.mu else 8


def _photographs(facts: Facts) -> dict:
    """From ImageNet weights; on a CPU only the head is trained, on features that are computed once."""
    return {
        "image_size": min(224, max(96, facts.short_side // 32 * 32)), "flip": facts.flip,
        "backbone": "mobilenetv2_100", "weights": "imagenet", "lr": 0.03,
        "batch_size": 32 if facts.accelerated else _labelled(facts),
        "steps": 10000 if facts.accelerated else 1000, "workers": 2,
    }  # fmt: skip
