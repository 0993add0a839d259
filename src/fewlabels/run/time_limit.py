"""``--time``: what fits in the time that a user gives, by an estimate made before anything is computed.

The estimate comes from stored timings of the network on this machine and not from the clock, so that a run that is
repeated here makes the same decisions.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

from fewlabels.errors import UserError
from fewlabels.options import TrainOptions
from fewlabels.run.choose_precision import time_workload
from fewlabels.run.plan import Plan

SMALLER = (320, 224, 192, 160, 128, 96)
"""Sides in pixels that photographs are reduced to where their own does not fit in the time."""
FEWEST_STEPS = 300
"""With fewer steps a network that starts from random weights has learned next to nothing."""
TRYING = 0.5
"""Time for trying all heads, as a fraction of the time for embedding. Linear ones take next to none."""
MARGIN = 1.2
"""Estimates are multiplied by this: reading images, fitting heads and the report take time too."""


@dataclass(frozen=True)
class Fitted:
    """Options that fit in the time."""

    options: TrainOptions
    hurried: bool
    """Only heads that take next to no time may be tried."""
    notes: tuple[str, ...]
    """What was left out, as clauses for a person."""


def fit_to_time(
    options: TrainOptions, seconds: float, plan: Callable[[TrainOptions], Plan], num_images: int
) -> Fitted:  # fmt: skip
    """Leave out what does not fit.

    Args:
        options: with a method that is not auto.
        seconds: the time that the user gives.
        plan: makes the plan of options.
        num_images: of the data set; all of them get a label at the end.

    Raises:
        UserError: where nothing fits; it names the time that is needed.
    """
    planned = plan(options)
    each = seconds_per_image(planned)
    if planned.settings.steps:
        return _fewer_steps(options, seconds, planned, each, num_images)
    return _smaller_images(options, seconds, planned, each, num_images)


def seconds_per_image(plan: Plan) -> float:
    """Return the stored time of a pass with one image, forward, and backward if the network is trained."""
    times = plan.times or time_workload(plan.workload, [plan.precision], plan.device)
    return times[plan.precision] / 1000


def _fewer_steps(options: TrainOptions, seconds: float, plan: Plan, each: float, num_images: int) -> Fitted:
    """Reduce the number of steps."""
    steps, step = plan.settings.steps, MARGIN * each * plan.workload.images
    rest = seconds - MARGIN * each * num_images
    if rest >= steps * step:
        return Fitted(options, False, ())
    fewer = int(rest / step) if rest > 0 else 0
    if fewer < min(steps, FEWEST_STEPS):
        least = MARGIN * each * num_images + min(steps, FEWEST_STEPS) * step
        raise _too_short(seconds, f"{FEWEST_STEPS} steps of {options.method}", least)
    return Fitted(replace(options, steps=fewer), False, (f"{fewer} steps instead of {steps} fit in the time",))


def _smaller_images(options: TrainOptions, seconds: float, plan: Plan, each: float, num_images: int) -> Fitted:
    """Reduce the size of the images, then the candidates; the time of a pass grows with the area of the image."""
    full = plan.settings.image_size
    own = (full, *(side for side in SMALLER if side < full and options.image_size is None))
    costs = {side: MARGIN * num_images * each * (side / full) ** 2 for side in own}
    for side, cost in costs.items():
        if cost <= seconds:
            smaller = () if side == full else (f"images of {side} px instead of {full} px fit in the time",)
            hurried = cost * (1 + TRYING) > seconds
            left_out = ("graph-probe was left out, because trying it does not fit in the time",) if hurried else ()
            return Fitted(replace(options, image_size=side) if smaller else options, hurried, smaller + left_out)
    raise _too_short(seconds, f"labelling {num_images} images", min(costs.values()))


def _too_short(seconds: float, what: str, needed: float) -> UserError:
    return UserError(
        f"--time {seconds:.0f}s is too short: for {what}, {needed:.0f} s are estimated on this machine; give at least "
        f"--time {needed + 1:.0f}s, or a smaller --image-size"
    )
