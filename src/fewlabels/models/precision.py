"""Which number format and memory layout a device is quickest with."""

from typing import Literal, NamedTuple, cast

import torch

from fewlabels.errors import UserError, nearest
from fewlabels.models.backbones import has_large_products

Name = Literal["fp32", "bf16"]


class Precision(NamedTuple):
    """The number format of the forward pass (weights stay float32) and the layout of images and filters."""

    name: Name
    channels_last: bool


def choose_precision(device: torch.device, backbone: str, asked: str | None = None) -> Precision:
    """Choose bf16 where the hardware multiplies it faster than float32, else fp32; what is asked for wins.

    bf16 goes with channels_last, which is what makes it pay on CUDA and on CPUs with AMX. On a CPU channels_last pays
    in fp32, too: forward and backward of 240 images on 2 cores without AMX took 0.70 of the contiguous time for
    small_cnn (28 px, grey), 0.82 for wrn_28_2 (32 px), 0.56 for mobilenetv2_100 (64 px) and the same for cnn3.

    A CPU with AVX512-BF16 alone gains in large products only. A training step in bf16 took, of its fp32 time, 0.52 for
    cnn13 (32 px), 0.93 for small_cnn (28 px), 1.04 for cnn3 and 1.38 for mobilenetv2_100 (128 px) on two Zen 5 cores.
    UserError for a name that is neither "fp32" nor "bf16".
    """
    if asked is not None and asked not in ("fp32", "bf16"):
        raise UserError(f"--precision {asked}: there is no such precision; {nearest(asked, ('fp32', 'bf16'))}")
    name = cast(Name, asked) if asked else ("bf16" if _bf16_is_fast(device, backbone) else "fp32")
    return Precision(name, channels_last=name == "bf16" or device.type == "cpu")


def _bf16_is_fast(device: torch.device, backbone: str) -> bool:
    if device.type == "cuda":
        return torch.cuda.is_bf16_supported(including_emulation=False)
    if device.type != "cpu":
        return False
    return _cpu_has("amx_tile") or (_cpu_has("avx512_bf16") and has_large_products(backbone))


def _cpu_has(feature: str) -> bool:
    supported = getattr(torch.cpu, f"_is_{feature}_supported", None)  # private, so it may go
    return supported is not None and supported()
