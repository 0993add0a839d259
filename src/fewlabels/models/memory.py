"""What a frozen trunk gave of images that it sees again and again."""

from collections.abc import Callable
from hashlib import blake2b
from typing import Any

import torch
from torch import Tensor

from fewlabels.errors import UserError


class TrunkMemory:
    """Keeps the last maps of single images, found again by the images' own bytes.

    A frozen trunk gives the same of the same image, whoever asks: a teacher, a second network, an evaluation. Images
    pass one by one, so that what is given does not depend on what else is in the batch, and so not on what is kept;
    and it is of half precision, kept or not. When ``limit`` bytes are full, new maps are given but not kept: what
    comes early and again, views and evaluated images, has its place before crops that come once.

    Only for trunks in evaluation mode that nothing changes from outside, and for images that need no gradient.
    """

    def __init__(self, limit: int) -> None:
        self.limit, self.size = limit, 0
        self._kept: dict[bytes, Tensor] = {}

    def __len__(self) -> int:
        return len(self._kept)

    def __deepcopy__(self, _: Any) -> "TrunkMemory":
        """A copy of a network with a frozen trunk shares what both would see alike."""
        return self

    def __call__(self, x: Tensor, trunk: Callable[[Tensor], Any]) -> Tensor:
        """What ``trunk`` gives of (B, C, H, W) images, a tensor whose first dimension is B, in float32.

        Whatever the run trains in, the trunk computes in float32: an evaluation, which does, finds the same.
        """
        with torch.autocast(x.device.type, enabled=False):
            images = x.detach().float()
            keys = [_key(image) for image in images.cpu()]
            maps = [self._of(key, image, trunk) for key, image in zip(keys, images, strict=True)]
            return torch.stack(maps).float()

    def _of(self, key: bytes, image: Tensor, trunk: Callable[[Tensor], Any]) -> Tensor:
        if key in self._kept:
            return self._kept[key]
        with torch.inference_mode(False), torch.no_grad():  # what is kept must serve in a step of training, too
            given = trunk(image.clone()[None])
            if not isinstance(given, Tensor):
                raise UserError(
                    "a backbone that gives several maps can't be kept fixed here: choose another --backbone, for "
                    "example resnet18, or --no-freeze"
                )
            found = given[0].half().contiguous()
        if self.size + found.nbytes <= self.limit:
            self._kept[key] = found
            self.size += found.nbytes
        return found


def _key(image: Tensor) -> bytes:
    return blake2b(image.contiguous().numpy().tobytes(), digest_size=16).digest()
