"""Shared fixtures."""

from collections.abc import Iterator
from pathlib import Path
from typing import NoReturn

import pytest
from tests.float64 import float64


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The benchmark data beside the checkout; tests that need it skip where it is absent."""
    folder = Path(__file__).resolve().parents[1].parent / "shared" / "data"
    if not folder.is_dir():
        pytest.skip("the benchmark data is not beside the checkout")
    return folder


@pytest.fixture(scope="session", autouse=True)
def own_cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Tests neither read nor fill the cache of whoever runs them."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("FEWLABELS_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield


@pytest.fixture(scope="session", autouse=True)
def nothing_is_timed() -> Iterator[None]:
    """A test whose run would choose precision and layout by timing fails: its result would depend on the machine."""

    def refuse(*_: object) -> NoReturn:
        raise AssertionError("fix precision and layout in this test")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("fewlabels.run.choose_precision.time_workload", refuse)
        yield


@pytest.fixture
def in_float64() -> Iterator[None]:
    """Compute in float64: for tests that compare two computations of one number.

    In float32 they differ by what the kernels round, and which kernel a processor takes depends on the batch's size.
    """
    with float64():
        yield
