"""What a frozen trunk gave of images that it sees again and again."""

from collections.abc import Callable
from hashlib import blake2b
from typing import Any

import torch
from torch import Tensor, nn

from fewlabels.errors import UserError

TOGETHER = 8
"""Images that pass through the trunk at once on a CPU where nothing is kept of them: of more, its caches hold too
little."""


class TrunkMemory:
    """Keeps the last maps of single images, found again by the images' own bytes.

    A frozen trunk gives the same of the same image, whoever asks: a teacher, a second network, an evaluation. Images
    pass one by one, so that what is given does not depend on what else is in the batch, and so not on what is kept;
    and it is of half precision, kept or not. When ``limit`` bytes are full, new maps are given but not kept. Only what
    passes in a block of :class:`seen_once` passes together, in full precision.

    Only for trunks in evaluation mode that nothing changes from outside, and for images that need no gradient.
    """

    def __init__(self, limit: int) -> None:
        self.limit, self.size, self.bypassed = limit, 0, False
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
            if self.bypassed:
                parts = images.split(TOGETHER) if images.device.type == "cpu" else [images]
                with torch.no_grad():
                    return torch.cat([_single_map(trunk(part)) for part in parts]).float()
            keys = [_key(image) for image in images.cpu()]
            maps = [self._of(key, image, trunk) for key, image in zip(keys, images, strict=True)]
            return torch.stack(maps).float()

    def _of(self, key: bytes, image: Tensor, trunk: Callable[[Tensor], Any]) -> Tensor:
        if key in self._kept:
            return self._kept[key]
        with torch.inference_mode(False), torch.no_grad():  # what is kept must serve in a step of training, too
            found = _single_map(trunk(image.clone()[None]))[0].half().contiguous()
        if self.size + found.nbytes <= self.limit:
            self._kept[key] = found
            self.size += found.nbytes
        return found


class seen_once:
    """For the length of a ``with`` block frozen trunks do without their memory: for images that will not come again.

    Random crops, say: they are neither looked for nor kept, and a few pass together, which is quicker. A network
    whose trunk has no memory works as ever.
    """

    def __init__(self, model: nn.Module) -> None:
        found = (getattr(module, "memory", None) for module in model.modules())
        self.before = {memory: memory.bypassed for memory in found if isinstance(memory, TrunkMemory)}

    def __enter__(self) -> None:
        for memory in self.before:
            memory.bypassed = True

    def __exit__(self, *_: object) -> None:
        for memory, bypassed in self.before.items():
            memory.bypassed = bypassed


def _single_map(given: Any) -> Tensor:
    if isinstance(given, Tensor):
        return given
    raise UserError(
        "a backbone that gives several maps can't be kept fixed here: choose another --backbone, for example resnet18, "
        "or --no-freeze"
    )


def _key(image: Tensor) -> bytes:
    return blake2b(image.contiguous().numpy().tobytes(), digest_size=16).digest()
