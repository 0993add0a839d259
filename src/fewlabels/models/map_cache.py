"""Cache of the last feature maps of a frozen backbone."""

from collections.abc import Callable
from hashlib import blake2b
from typing import Any

import torch
from torch import Tensor, nn

from fewlabels.errors import UserError

CPU_CHUNK = 8
"""Images per uncached pass on a CPU: larger batches do not fit into its caches."""


class MapCache:
    """Cache of the last feature maps of single images, keyed by a hash of the image's values.

    A frozen backbone returns the same map for the same image, whoever asks: a teacher, a second network, an evaluation.
    Images pass one at a time and every map is rounded to float16, cached or not, so that results depend neither on the
    rest of the batch nor on the state of the cache. When ``limit`` bytes are used, new maps are returned but not
    cached. Inside :class:`bypass_map_cache`, images pass in chunks and in float32, and nothing is cached.

    Only for backbones in evaluation mode whose weights do not change, and for images that need no gradient. A deep copy
    of a network with a frozen backbone shares its cache.
    """

    def __init__(self, limit: int) -> None:
        self.limit, self.size, self.bypassed = limit, 0, False
        self._maps: dict[bytes, Tensor] = {}

    def __len__(self) -> int:
        return len(self._maps)

    def __deepcopy__(self, _: Any) -> "MapCache":
        return self

    def __call__(self, x: Tensor, forward_features: Callable[[Tensor], Any], independent: bool = False) -> Tensor:
        """Compute ``forward_features`` of (B, C, H, W) images in float32, from the cache where possible.

        The computation is in float32 whatever the run's precision, because evaluations are in float32 and share the
        cache. ``independent`` says that the map of an image does not depend on its batch: then images that are not
        cached pass together. Raises UserError where the backbone returns several maps.
        """
        with torch.autocast(x.device.type, enabled=False):
            images = x.detach().float()
            if self.bypassed:
                chunks = images.split(CPU_CHUNK) if images.device.type == "cpu" else [images]
                with torch.no_grad():
                    return torch.cat([_single_map(forward_features(chunk)) for chunk in chunks]).float()
            keys = [_key(image) for image in images.cpu()]
            fresh = {key: image for key, image in zip(keys, images, strict=True) if key not in self._maps}
            known = {key: self._maps[key] for key in keys if key not in fresh}
            for part in [list(fresh)] if independent and fresh else [[key] for key in fresh]:
                maps = _compute(torch.stack([fresh[key] for key in part]), forward_features)
                for key, found in zip(part, maps, strict=True):
                    self._keep(key, found)
                    known[key] = found
            return torch.stack([known[key] for key in keys]).float()

    def _keep(self, key: bytes, found: Tensor) -> None:
        if self.size + found.nbytes <= self.limit:
            self._maps[key] = found
            self.size += found.nbytes


class bypass_map_cache:
    """Context manager: frozen backbones neither search nor fill their caches.

    For images that do not come again, such as random crops: they pass in chunks, which is faster. Networks without a
    cache are not affected.
    """

    def __init__(self, model: nn.Module) -> None:
        caches = (getattr(module, "map_cache", None) for module in model.modules())
        self.before = {cache: cache.bypassed for cache in caches if isinstance(cache, MapCache)}

    def __enter__(self) -> None:
        for cache in self.before:
            cache.bypassed = True

    def __exit__(self, *_: object) -> None:
        for cache, bypassed in self.before.items():
            cache.bypassed = bypassed


def _compute(images: Tensor, forward_features: Callable[[Tensor], Any]) -> list[Tensor]:
    """Compute the maps of images, each a float16 tensor of its own."""
    with torch.inference_mode(False), torch.no_grad():  # cached maps are also used in training steps
        return [found.half().contiguous() for found in _single_map(forward_features(images.clone()))]


def _single_map(output: Any) -> Tensor:
    if isinstance(output, Tensor):
        return output
    raise UserError(
        "a backbone with several output maps can't be frozen here: choose another --backbone, for example resnet18, "
        "or --no-freeze"
    )


def _key(image: Tensor) -> bytes:
    return blake2b(image.contiguous().numpy().tobytes(), digest_size=16).digest()
