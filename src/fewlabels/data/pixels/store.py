"""Batches of pixels on the device: gathered from one tensor if the images fit, else decoded as they are needed."""

import signal
from collections.abc import Iterable, Iterator
from typing import Any, Protocol

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from torch.utils.data import DataLoader

from fewlabels.data.dataset import ArrayImages, Dataset, FileImages
from fewlabels.data.pixels import array_cache
from fewlabels.data.pixels.decode import BadImage, DecodeProgress, decode, in_threads, quiet, resize_to_square
from fewlabels.errors import UserError


class Store(Protocol):
    """A source of pixels. The bytes depend neither on the kind of store nor on the number of workers."""

    size: int
    """Side of the square images."""
    channels: int
    """1 (grey) or 3 (RGB)."""

    def stream(self, batches: Iterable[Tensor]) -> Iterator[Tensor]:
        """Yield the pixels of each batch.

        Args:
            batches: (B,) int64 row numbers each.

        Yields:
            (B, C, S, S) uint8 on the device, in the order of the batches.
        """
        ...


def open_store(
    dataset: Dataset,
    size: int,
    channels: int,
    device: torch.device,
    memory_limit: int,
    workers: int,
    progress: DecodeProgress | None = None,
) -> Store:
    """Open the images of a data set at one size, in memory if they fit.

    Args:
        dataset: images of any sizes.
        size: side of the squares that the images are resized to.
        channels: 1 or 3; grey images are converted to RGB and RGB images to grey as needed.
        device: the device of the batches.
        memory_limit: bytes that the pixels may take on the device.
        workers: processes that decode what does not fit; 0 decodes in this one.
        progress: called while images are decoded into memory.

    Raises:
        UserError: a file can no longer be read. A store that does not fit in memory raises it when the batch is
            streamed.
    """
    if len(dataset) * channels * size * size > memory_limit:
        return LoaderStore(dataset, size, channels, device, workers)
    return MemoryStore(dataset, size, channels, device, progress)


class MemoryStore:
    """All pixels in one uint8 tensor on the device, gathered by index."""

    def __init__(
        self, dataset: Dataset, size: int, channels: int, device: torch.device, progress: DecodeProgress | None = None
    ) -> None:
        self.size, self.channels = size, channels
        pixels = torch.from_numpy(_all_pixels(dataset.images, size, channels, progress))
        self.pixels = pixels.permute(0, 3, 1, 2).to(device).contiguous()
        """(N, C, S, S) uint8."""

    def stream(self, batches: Iterable[Tensor]) -> Iterator[Tensor]:
        """Yield the pixels of each batch, see :meth:`Store.stream`."""
        for rows in batches:
            yield self.pixels[rows.to(self.pixels.device)]


class LoaderStore:
    """Worker processes decode the images of each batch some batches ahead."""

    def __init__(self, dataset: Dataset, size: int, channels: int, device: torch.device, workers: int) -> None:
        self.size, self.channels = size, channels
        self._source = _Source(dataset.images, size, channels)
        self._device, self._workers = device, workers

    def stream(self, batches: Iterable[Tensor]) -> Iterator[Tensor]:
        """Yield the pixels of each batch, see :meth:`Store.stream`."""
        loader = DataLoader(
            self._source,
            batch_sampler=_Rows(batches),
            num_workers=self._workers,
            collate_fn=_unchanged,
            worker_init_fn=_ignore_interrupts,
            pin_memory=self._device.type == "cuda",
            generator=torch.Generator(),  # else the loader would draw from the global generator
        )
        for pixels in loader:
            if isinstance(pixels, str):
                raise UserError(pixels)
            yield pixels.to(self._device, non_blocking=True)


class _Rows:
    """The batches as the lists of row numbers that the loader takes."""

    def __init__(self, batches: Iterable[Tensor]) -> None:
        self._batches = batches

    def __iter__(self) -> Iterator[list[int]]:
        return (rows.tolist() for rows in self._batches)


class _Source(torch.utils.data.Dataset[Tensor | str]):
    """The data set that each worker process holds."""

    def __init__(self, images: ArrayImages | FileImages, size: int, channels: int) -> None:
        self._images, self._size, self._channels = images, size, channels

    def __getitems__(self, rows: list[int]) -> Tensor | str:
        """Return (B, C, S, S) uint8, or the text of an error: the loader would wrap an exception in a traceback."""
        pixels = np.empty((len(rows), self._size, self._size, self._channels), np.uint8)
        try:
            with quiet():
                for position, row in enumerate(rows):
                    pixels[position] = resize_to_square(_image(self._images, row), self._size, self._channels)
        except UserError as error:
            return str(error)
        return torch.from_numpy(pixels).permute(0, 3, 1, 2).contiguous()


def _unchanged(batch: Any) -> Any:
    return batch


def _ignore_interrupts(worker: int) -> None:
    """Leave Ctrl-C to the main process, which stops its workers; else each would print a traceback."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def _image(images: ArrayImages | FileImages, row: int) -> Image.Image:
    if isinstance(images, ArrayImages):
        pixels = images.pixels[row]
        return Image.fromarray(pixels[..., 0] if pixels.shape[2] == 1 else pixels)
    file = images.root / images.files[row]
    try:
        return decode(file)
    except BadImage as error:
        raise UserError(f"'{file}' passed the check but now {error}; restore it") from error


def _all_pixels(
    images: ArrayImages | FileImages, size: int, channels: int, progress: DecodeProgress | None
) -> np.ndarray:
    """Return (N, S, S, C) uint8, from the cache if the same files were decoded to the same size before."""
    if isinstance(images, ArrayImages):
        if images.pixels.shape[1:] == (size, size, channels):
            return images.pixels
        return _decode_all(images, len(images.pixels), size, channels, progress)
    file = array_cache.pixels_file(images, size, channels)
    shape = (len(images.files), size, size, channels)
    pixels = array_cache.load_array(file, shape, "uint8") if file else None
    if pixels is None:
        pixels = _decode_all(images, len(images.files), size, channels, progress)
        if file:
            array_cache.save_array(file, pixels)
    return pixels


def _decode_all(
    images: ArrayImages | FileImages, count: int, size: int, channels: int, progress: DecodeProgress | None
) -> np.ndarray:
    pixels = np.empty((count, size, size, channels), np.uint8)

    def fill(row: int) -> None:
        pixels[row] = resize_to_square(_image(images, row), size, channels)

    in_threads(fill, range(count), progress)
    return pixels
