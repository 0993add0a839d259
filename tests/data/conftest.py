"""Small folders of images, and a separate cache for every test."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

Paint = Callable[..., Path]


@pytest.fixture(autouse=True)
def own_cache(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    cache = tmp_path_factory.mktemp("cache")
    monkeypatch.setenv("FEWLABELS_CACHE", str(cache))
    return cache


@pytest.fixture
def paint(tmp_path: Path) -> Paint:
    """Return a function that saves a picture under tmp_path/data, each a different one unless a seed is given."""
    count = 1000

    def save(path: str, size: tuple[int, int] = (12, 10), seed: int | None = None, mode: str = "RGB") -> Path:
        nonlocal count
        count += 1
        file = tmp_path / "data" / path
        file.parent.mkdir(parents=True, exist_ok=True)
        rng = np.random.default_rng(count if seed is None else seed)
        shape = (size[1], size[0], 3) if mode == "RGB" else (size[1], size[0])
        Image.fromarray(rng.integers(0, 256, shape, dtype=np.uint8)).save(file)
        return file

    return save
