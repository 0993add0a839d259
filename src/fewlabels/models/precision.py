"""Which number format and memory layout a device is quickest with."""

from typing import Literal, NamedTuple, cast

import torch

from fewlabels.errors import UserError, nearest

Name = Literal["fp32", "bf16"]


class Precision(NamedTuple):
    """The number format of the forward pass (weights stay float32) and the layout of images and filters."""

    name: Name
    channels_last: bool


def choose_precision(device: torch.device, asked: str | None = None) -> Precision:
    """Choose bf16 where the hardware multiplies it faster than float32, else fp32; what is asked for wins.

    bf16 goes with channels_last, which is what makes it pay on CUDA and on CPUs with AMX. On a CPU channels_last pays
    in fp32, too: forward and backward of 240 images on 2 cores without AMX took 0.70 of the contiguous time for
    small_cnn (28 px, grey), 0.82 for wrn_28_2 (32 px), 0.56 for mobilenetv2_100 (64 px) and the same for cnn3.
    UserError for a name that is neither "fp32" nor "bf16".
    """
    if asked is not None and asked not in ("fp32", "bf16"):
        raise UserError(f"--precision {asked}: there is no such precision; {nearest(asked, ('fp32', 'bf16'))}")
    name = cast(Name, asked) if asked else ("bf16" if _bf16_is_fast(device) else "fp32")
    return Precision(name, channels_last=name == "bf16" or device.type == "cpu")


def _bf16_is_fast(device: torch.device) -> bool:
    if device.type == "cuda":
        return torch.cuda.is_bf16_supported(including_emulation=False)
    has_amx = getattr(torch.cpu, "_is_amx_tile_supported", None)  # private, so it may go
    return device.type == "cpu" and has_amx is not None and has_amx()
