"""The images of a data set as network input, whether they are in memory or decoded by workers."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from fewlabels.augment.views import Normalize
from fewlabels.data.pixels.store import Store


@dataclass(frozen=True)
class Images:
    """A store of pixels and the normalisation for a network."""

    store: Store
    to_input: Normalize
    """From (B, C, H, W) bytes, or floats from 0 to 255, to normalised float32."""

    @property
    def chunk(self) -> int:
        """Number of images evaluated at once: about a million pixels, so that activations stay small."""
        return max(8, min(256, (1 << 20) // self.store.size**2))

    def stream(self, rows: Iterable[Tensor]) -> Iterator[Tensor]:
        """Give batches of pixels, (B, C, H, W) uint8, on the device."""
        return self.store.stream(rows)

    def plain(self, rows: Tensor) -> Iterator[Tensor]:
        """Give the rows without augmentation, in chunks, as network input."""
        return (self.to_input(pixels) for pixels in self.stream(torch.split(rows, self.chunk)))
