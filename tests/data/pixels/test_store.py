"""Stores: the bytes depend on neither the store, the number of workers nor the cache."""

import os
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor

from fewlabels.data.dataset import ArrayImages, Dataset
from fewlabels.data.labels.classes import CLASSES
from fewlabels.data.pixels import array_cache, store
from fewlabels.data.pixels.decode import decode
from fewlabels.data.pixels.store import LoaderStore, MemoryStore, Store, open_store
from fewlabels.data.read import read
from fewlabels.errors import UserError

CPU = torch.device("cpu")
BATCHES = [torch.tensor(rows) for rows in ([3, 0, 0], [6], [1, 2, 3, 4, 5], [5, 4])]


@pytest.fixture
def photos(tmp_path: Path, paint) -> Dataset:
    for number in range(7):
        paint(f"{number}.png", size=(10 + number, 20 - number))
    return read(CLASSES, str(tmp_path / "data"))


def arrays(channels: int, size: int = 8) -> Dataset:
    pixels = np.random.default_rng(1).integers(0, 256, (7, size, size, channels), dtype=np.uint8)
    paths, zeros = tuple(f"train/{row:06d}" for row in range(7)), np.zeros(7, np.int64)
    return Dataset("noise", ("a",), paths, zeros.astype(np.int8), zeros, ArrayImages(pixels), "none")


def opened(dataset: Dataset, fits: bool, workers: int = 0, size: int = 8, channels: int = 3) -> Store:
    result = open_store(dataset, size, channels, CPU, 7 * channels * size * size - (not fits), workers)
    assert isinstance(result, MemoryStore if fits else LoaderStore)
    return result


def stream(source: Store) -> list[Tensor]:
    return list(source.stream(iter(BATCHES)))


def assert_same(batches: list[Tensor], expected: list[Tensor]) -> None:
    assert len(batches) == len(expected)
    for batch, other in zip(batches, expected, strict=True):
        assert batch.dtype == torch.uint8
        assert batch.is_contiguous()
        torch.testing.assert_close(batch, other, rtol=0, atol=0)


def test_batches_are_the_resized_files_in_order(photos: Dataset, tmp_path: Path) -> None:
    def resized(row: int) -> np.ndarray:
        with Image.open(tmp_path / "data" / photos.paths[row]) as image:
            return np.asarray(image.resize((8, 8), Image.Resampling.BICUBIC)).transpose(2, 0, 1)

    expected = [torch.from_numpy(np.stack([resized(row) for row in rows.tolist()])) for rows in BATCHES]
    assert_same(stream(opened(photos, fits=True)), expected)


@pytest.mark.parametrize("workers", [0, 2])
def test_every_store_gives_the_same_bytes(photos: Dataset, workers: int) -> None:
    assert_same(stream(opened(photos, fits=False, workers=workers)), stream(opened(photos, fits=True)))


@pytest.mark.parametrize(("have", "want"), [(1, 1), (1, 3), (3, 1), (3, 3)])
@pytest.mark.parametrize("size", [8, 5])
def test_arrays_come_with_the_wanted_size_and_channels(have: int, want: int, size: int) -> None:
    dataset = arrays(have)
    memory = stream(opened(dataset, fits=True, size=size, channels=want))
    assert memory[2].shape == (5, want, size, size)
    assert_same(stream(opened(dataset, fits=False, size=size, channels=want)), memory)
    if have == want and size == 8:
        assert isinstance(dataset.images, ArrayImages)
        np.testing.assert_array_equal(memory[2].permute(0, 2, 3, 1), dataset.images.pixels[1:6])


@pytest.mark.parametrize("workers", [0, 2])
def test_an_endless_stream_of_batches_can_be_abandoned(photos: Dataset, workers: int) -> None:
    def endless() -> Iterator[Tensor]:
        while True:
            yield torch.tensor([1, 2])

    batches = opened(photos, fits=False, workers=workers).stream(endless())
    assert [next(batches).shape for _ in range(3)] == [(2, 3, 8, 8)] * 3


def test_streaming_does_not_change_the_global_generator(photos: Dataset) -> None:
    before = torch.get_rng_state()
    stream(opened(photos, fits=False))
    assert torch.equal(torch.get_rng_state(), before)


@pytest.mark.parametrize("workers", [0, 2])
def test_a_file_damaged_after_the_check_is_named(photos: Dataset, tmp_path: Path, workers: int) -> None:
    file = tmp_path / "data" / "6.png"
    file.write_bytes(file.read_bytes()[:60])
    with pytest.raises(UserError, match=r"6\.png.*passed the check but now") as caught:
        stream(opened(photos, fits=False, workers=workers))
    assert "\n" not in str(caught.value)
    with pytest.raises(UserError, match=r"6\.png.*passed the check but now"):
        opened(photos, fits=True)
    file.unlink()
    with pytest.raises(UserError, match=r"6\.png.*No such file"):
        opened(photos, fits=True)


@pytest.fixture
def decoded(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Record the names of the files that a store decodes."""
    names: list[str] = []

    def counted(path: Path) -> Image.Image:
        names.append(path.name)
        return decode(path)

    monkeypatch.setattr(store, "decode", counted)
    return names


def test_decoded_pixels_are_cached_until_a_file_changes(photos: Dataset, tmp_path: Path, decoded: list[str]) -> None:
    first = stream(opened(photos, fits=True))
    assert len(decoded) == 7
    assert_same(stream(opened(photos, fits=True)), first)
    assert len(decoded) == 7
    opened(photos, fits=True, size=9)
    assert len(decoded) == 14
    os.utime(tmp_path / "data" / "3.png", ns=(1, 1))
    opened(photos, fits=True)
    assert len(decoded) == 21


def test_a_damaged_cache_is_ignored(photos: Dataset, decoded: list[str], own_cache: Path) -> None:
    first = stream(opened(photos, fits=True))
    (file,) = own_cache.rglob("*.npy")
    good = file.read_bytes()
    flipped = bytearray(good)
    flipped[-100] ^= 1
    for damage in (b"", b"PK\x03\x04", good[:50], good[:-100], bytes(flipped)):
        file.write_bytes(damage)
        decoded.clear()
        assert_same(stream(opened(photos, fits=True)), first)
        assert len(decoded) == 7
        assert file.read_bytes() == good


def test_the_least_recently_used_pixels_are_deleted_first(
    photos: Dataset, own_cache: Path, monkeypatch: pytest.MonkeyPatch, decoded: list[str]
) -> None:
    monkeypatch.setattr(array_cache, "TOTAL_SIZE", 4000)  # 7 x 8 x 8 x 3 = 1344 bytes, and two of them fit
    opened(photos, fits=True, size=8)
    (oldest,) = own_cache.rglob("*.npy")
    os.utime(oldest, (1, 1))
    opened(photos, fits=True, size=7)
    opened(photos, fits=True, size=9)
    files = list(own_cache.rglob("*.npy"))
    assert oldest not in files
    assert len(files) == 2
    monkeypatch.setattr(array_cache, "LARGEST_ARRAY", 100)
    opened(photos, fits=True, size=10)
    assert sorted(own_cache.rglob("*.npy")) == sorted(files)


def test_progress_counts_the_images(photos: Dataset) -> None:
    seen: list[tuple[int, int]] = []
    open_store(photos, 8, 3, CPU, 10**6, 0, progress=lambda done, total: seen.append((done, total)))
    assert seen == [(done, 7) for done in range(1, 8)]
