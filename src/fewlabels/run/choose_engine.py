"""Choose the engine that computes the passes of a frozen backbone."""

from collections.abc import Callable
from typing import Literal

import torch

from fewlabels.errors import UserError
from fewlabels.models.engines import openvino_program
from fewlabels.models.engines.engine import TORCH, Engine
from fewlabels.models.engines.openvino_engine import OpenVinoEngine

EngineName = Literal["torch", "openvino"]

ENOUGH = 500
"""Images of 224 px that pay for converting a backbone, which takes two to seven seconds per image size. The
time of a pass grows with the area, so larger images count for more."""
SIDE = 224


def choose_engine(
    asked: Literal["auto", "torch", "openvino"], device: torch.device, freeze: bool, image_size: int, num_images: int
) -> EngineName:
    """Choose OpenVINO on a CPU, where it is installed and enough images pass a frozen backbone; else torch.

    Args:
        asked: ``--engine``; only "auto" leaves a choice.
        device: where the run computes.
        freeze: the backbone is fixed.
        image_size: side of the images in pixels.
        num_images: of the data set.

    Raises:
        UserError: where OpenVINO is asked for and can't be used.
    """
    if asked == "openvino":
        _refuse_impossible(device, freeze)
        return asked
    wanted = asked == "auto" and device.type == "cpu" and freeze and pays(num_images, image_size)
    return "openvino" if wanted and openvino_program.is_installed() else "torch"


def pays(num_images: int, image_size: int) -> bool:
    """Return whether so many images are worth a conversion."""
    return num_images * (image_size / SIDE) ** 2 >= ENOUGH


def make_engine(name: EngineName, threads: int, say: Callable[[str], None]) -> Engine:
    """Make an engine; ``say`` receives one line of text where torch has to be used instead of the one that is named."""
    return OpenVinoEngine(threads, say) if name == "openvino" else TORCH


def _refuse_impossible(device: torch.device, freeze: bool) -> None:
    if not openvino_program.is_installed():
        raise UserError(
            "--engine openvino, asked for here or when the run was begun: OpenVINO is not installed; "
            'pip install "fewlabels[fast]", or start a run with --engine torch'
        )
    if device.type != "cpu":
        raise UserError(f"--engine openvino computes on a CPU, not on {device}; add --device cpu, or leave it out")
    if not freeze:
        raise UserError("--engine openvino is for a frozen backbone; add --freeze, or leave it out")
