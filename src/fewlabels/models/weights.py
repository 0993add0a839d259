"""Initial weights (``--weights FILE|imagenet|none``) and the preprocessing that they need."""

import re
from dataclasses import dataclass
from math import isfinite
from pathlib import Path

import timm
import torch
from timm.models import PretrainedCfg
from torch import Tensor

from fewlabels.errors import UserError
from fewlabels.models import backbones
from fewlabels.models.classifier import Classifier, SingleClassifier
from fewlabels.models.heads.normalized_linear import NormalizedLinear
from fewlabels.models.packaged_weights import WEIGHT_PACKAGES, packaged_weights
from fewlabels.models.weight_files import WeightFile, download, read_file

State = dict[str, Tensor]
_WEIGHT_NORM = ".parametrizations.weight.original1"


@dataclass(frozen=True)
class Weights:
    """Initial weights for one backbone and image size. A field that is None is left to the caller."""

    trunk: State | None = None
    """The backbone's state dict; None for random weights."""
    head: State | None = None
    """The state dict of the head in the same file, keys without prefix (``weight``, ``bias``)."""
    head_name: str = ""
    mean: tuple[float, ...] | None = None
    """One value per channel; None for those of the data set."""
    std: tuple[float, ...] | None = None
    pad_type: str | None = None
    """See :class:`~fewlabels.models.build.ModelSpec`."""
    notes: tuple[str, ...] = ()
    """Messages to the user."""


def resolve_weights(backbone: str, weights: str, channels: int, image_size: int) -> Weights:
    """Load and check initial weights for ``channels``-channel images of ``image_size`` px.

    Weights for RGB are summed for grey images. The state of torch's random generator is not changed.

    Args:
        backbone: a name of timm's.
        weights: "none" for random weights, "imagenet" for those of an installed package
            (:mod:`~fewlabels.models.packaged_weights`) or else timm's, downloaded or cached, or the path of a
            safetensors file: the state dict of timm's network or of a :class:`SingleClassifier`. Its header may have
            ``mean`` and ``std`` (as "0.5,0.5,0.5") and ``pad_type``; without mean and std, timm's for this backbone
            are used.
        channels: of the images.
        image_size: height and width in pixels.

    Raises:
        UserError: where the file is missing or invalid, or does not fit the backbone or the images.
    """
    configuration = backbones.pretrained_cfg(backbone)
    if weights == "none":
        return Weights()
    file, origin = _imagenet(backbone, configuration.hf_hub_id) if weights == "imagenet" else (read_file(weights), "")
    pad_type = file.header.get("pad_type")
    if pad_type is not None and pad_type not in backbones.PAD_TYPES:
        raise UserError(f"--weights {weights}: its header's pad_type is '{pad_type}', not one of '', 'same', 'valid'")
    mean, std = (_statistic(file, name, configuration, channels) for name in ("mean", "std"))
    if std is not None and min(std) <= 0:
        raise UserError(f"--weights {weights}: its header's std is not above 0")
    state, head, head_name = _split(file.state, configuration.classifier)
    if not state:
        raise UserError(f"--weights {weights} holds no weights of a backbone")
    file_channels = _check_channels(file, state, configuration, channels)
    trunk = _fit(backbone, file._replace(state=state), (file_channels, channels), image_size, pad_type)
    notes = [origin or _preprocessing_note(file, mean, std, pad_type)]
    if file_channels != channels:
        notes.append(f"weights for {file_channels} channels summed to {channels}")
    return Weights(trunk, head, head_name, mean, std, pad_type, tuple(notes))


def _imagenet(backbone: str, hub_id: str | None) -> tuple[WeightFile, str]:
    """Return ImageNet weights, from an installed package or the hub, and a note that says which."""
    packaged = packaged_weights(backbone)
    if packaged is not None:
        return packaged
    package = WEIGHT_PACKAGES.get(backbone)
    file = download(backbone, hub_id, f"install the package {package.name}" if package else "")
    return file, f"ImageNet weights of {backbone}: huggingface.co/{hub_id}, whose page names the licence"


def load_weights(classifier: Classifier, weights: Weights) -> tuple[str, ...]:
    """Copy the weights into every network of a classifier built with the same backbone, channels and ``pad_type``.

    A head of another size or kind is dropped. Returns messages to the user about the head.
    """
    notes = [_load_one(network, weights) for network in classifier.trunks()]
    return notes[0]


def _load_one(classifier: SingleClassifier, weights: Weights) -> tuple[str, ...]:
    if weights.trunk is None:
        return ()
    classifier.backbone.load_state_dict(weights.trunk)
    if not weights.head:
        return ()
    classes = max((len(tensor) for tensor in weights.head.values() if tensor.ndim), default=0)
    what = f"{weights.head_name}.weight ({classes} classes)"
    own, loaded = (
        {key: tensor.shape for key, tensor in state.items()} for state in (classifier.head.state_dict(), weights.head)
    )
    if own != loaded or isinstance(classifier.head, NormalizedLinear):
        return (f"{what} dropped",)
    classifier.head.load_state_dict(weights.head)
    return (f"{what} loaded, which is correct only if its classes are yours in the same order",)


def _split(state: State, names: str | tuple[str, ...] | None) -> tuple[State, State, str]:
    """Split a state dict into the backbone's, the head's, and the head's name; several heads are dropped together."""
    if all(key.startswith(("backbone.", "head.")) for key in state) and any(
        key.startswith("backbone.") for key in state
    ):
        names = "head"  # the file of a SingleClassifier
        state = {key.removeprefix("backbone."): tensor for key, tensor in state.items()}
    heads = (names,) if isinstance(names, str) else names or ()
    prefixes = tuple(f"{name}." for name in heads)
    trunk = {key: tensor for key, tensor in state.items() if not key.startswith(prefixes)}
    head = {key.removeprefix(prefix): state[key] for prefix in prefixes for key in state if key.startswith(prefix)}
    return trunk, head, heads[0] if heads else ""


def _statistic(file: WeightFile, name: str, configuration: PretrainedCfg, channels: int) -> tuple[float, ...] | None:
    """Read mean or std from the header, else from timm's configuration, for this number of channels."""
    text = file.header.get(name)
    if text is None:
        values = getattr(configuration, name) if configuration.has_weights else None
        if values is None:
            return None
    else:
        try:
            values = tuple(float(part) for part in text.split(","))
        except ValueError:
            values = (float("nan"),)
        if not all(map(isfinite, values)):
            raise UserError(f"--weights {file.name}: its header's {name} is '{text}', not numbers separated by commas")
    if len(values) == channels:
        return tuple(values)
    if 1 in (len(values), channels):
        return (sum(values) / len(values),) * channels
    raise UserError(f"--weights {file.name}: its {name} is for {len(values)} channels, the images have {channels}")


def _check_channels(file: WeightFile, state: State, configuration: PretrainedCfg, channels: int) -> int:
    """Return the number of channels of the weights; raise UserError where they do not fit the images."""
    first = configuration.first_conv if isinstance(configuration.first_conv, str) else ""
    plain = state.get(f"{first}.weight")
    weight = plain if plain is not None else state.get(first + _WEIGHT_NORM)
    if weight is None or weight.ndim != 4 or weight.shape[1] > 4:  # missing, or a stem that folds pixels into channels
        return 3 if configuration.has_weights else channels
    found = weight.shape[1]
    if found != channels and not (found == 3 and channels == 1 and plain is not None):
        raise UserError(
            f"--weights {file.name} are for images with {found} channels, yours have {channels}: choose others"
        )
    return found


def _fit(backbone: str, file: WeightFile, channels: tuple[int, int], image_size: int, pad_type: str | None) -> State:
    """Convert a state dict by timm (old names, position tables of another size) and check it against the backbone."""
    source, target = channels
    overlay = {"state_dict": file.state, "custom_load": False, "input_size": (source, image_size, image_size)}
    with torch.random.fork_rng(devices=[]):
        try:
            loaded = backbones.create(
                backbone, target, image_size, pad_type, pretrained=True, pretrained_cfg_overlay=overlay
            )
        except UserError as error:
            fresh = backbones.create(backbone, target, image_size)  # raises again where the image size is the cause
            raise UserError(_mismatch(backbone, file, fresh.state_dict()) or str(error)) from error
    return loaded.state_dict()


def _mismatch(backbone: str, file: WeightFile, own: State) -> str:
    """Describe which names and shapes differ; return an empty string where none does."""
    missing = [key for key in own if key not in file.state and not key.endswith("num_batches_tracked")]
    unexpected = [key for key in file.state if key not in own]
    shapes = [key for key in own if key in file.state and own[key].shape != file.state[key].shape]
    parts = [
        f"{what} {', '.join(keys[:3])}{f' and {len(keys) - 3} more' if len(keys) > 3 else ''}"
        for what, keys in (("missing", missing), ("unexpected", unexpected), ("with another shape", shapes))
        if keys
    ]
    if not parts:
        return ""
    likely = _likely_backbone(file)
    advice = f"give --backbone {likely}" if likely not in (None, backbone) else "choose other weights"
    return f"--weights {file.name} do not fit --backbone {backbone} ({'; '.join(parts)}): {advice}"


def _likely_backbone(file: WeightFile) -> str | None:
    """Guess the backbone of the weights from the header's ``architecture`` or ``model`` and the file's name."""
    names = (file.header.get("architecture", ""), file.header.get("model", ""), Path(file.name).stem)
    for word in re.findall(r"\w+", " ".join(names)):
        parts = word.split("_")
        for end in range(len(parts), 0, -1):
            if timm.is_model("_".join(parts[:end])):
                return "_".join(parts[:end])
    return None


def _preprocessing_note(file: WeightFile, mean: object, std: object, pad_type: str | None) -> str:
    """Describe where normalisation and padding come from."""
    if mean is None or std is None:
        return f"{file.name} has no mean and std: those of the data set are used"
    source = "its header" if {"mean", "std"} <= file.header.keys() else "timm's configuration of the backbone"
    padding = f", padding '{pad_type}'" if pad_type is not None else ""
    return f"{file.name}: mean {mean}, std {std} from {source}{padding}"
