"""The pixels of a data set as a network wants them, whether they are in memory or decoded by workers."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from fewlabels.augment.views import Normalize
from fewlabels.data.pixels.store import Store


@dataclass(frozen=True)
class Images:
    """A store and how its bytes become network input."""

    store: Store
    to_input: Normalize
    """From (B, C, H, W) bytes, or floats from 0 to 255, to normalised float32."""

    @property
    def chunk(self) -> int:
        """Images that are evaluated at once: about a million pixels, so that activations stay small."""
        return max(8, min(256, (1 << 20) // self.store.size**2))

    def stream(self, rows: Iterable[Tensor]) -> Iterator[Tensor]:
        """Batches of bytes (B, C, H, W) on the device."""
        return self.store.stream(rows)

    def plain(self, rows: Tensor) -> Iterator[Tensor]:
        """The rows as they are, in chunks, as network input."""
        return (self.to_input(pixels) for pixels in self.stream(torch.split(rows, self.chunk)))
