"""Weight files are loaded with their preprocessing, or refused in one sentence; no test uses the network."""

import pickle
from pathlib import Path
from typing import Any

import pytest
import timm
import torch
from safetensors.torch import save_file

from fewlabels.errors import UserError
from fewlabels.models import weight_files
from fewlabels.models.build import ModelSpec, build
from fewlabels.models.classifier import Classifier
from fewlabels.models.weight_files import preprocessing_header, read_file
from fewlabels.models.weights import Weights, load_weights, resolve_weights


def built(weights: Weights, backbone: str, num_classes: int = 10, channels: int = 3, size: int = 32) -> Classifier:
    mean, std = weights.mean or (0.5,) * channels, weights.std or (0.5,) * channels
    return build(ModelSpec(backbone, num_classes, channels, size, "linear", weights.pad_type, mean, std)).eval()


def saved(path: Path, backbone: str, metadata: dict[str, str] | None = None, **options: Any) -> torch.nn.Module:
    torch.manual_seed(1)
    net = timm.create_model(backbone, **options).eval()
    save_file(net.state_dict(), path, metadata)
    return net


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "some.safetensors"


def test_none_means_random_weights_and_no_preprocessing() -> None:
    weights = resolve_weights("small_cnn", "none", 1, 28)
    assert weights == Weights()
    assert load_weights(built(weights, "small_cnn"), weights) == ()


@pytest.mark.usefixtures("in_float64")
def test_the_header_sets_padding_and_normalisation(shared_data: Path) -> None:
    path = str(shared_data / "weights" / "mobilenetv2_100_imagenet.safetensors")
    weights = resolve_weights("mobilenetv2_100", path, 3, 64)
    assert (weights.mean, weights.std, weights.pad_type) == ((0.5,) * 3, (0.5,) * 3, "same")
    assert "from its header" in weights.notes[0]
    model = built(weights, "mobilenetv2_100", size=64)
    assert load_weights(model, weights) == ("classifier.weight (1000 classes) dropped",)
    reference = timm.create_model("mobilenetv2_100", pad_type="same", checkpoint_path=path).eval()
    images = torch.randn(2, 3, 64, 64)
    with torch.no_grad():
        expected = reference.forward_head(reference.forward_features(images), pre_logits=True)
        torch.testing.assert_close(model.features(images), expected)


def test_weights_of_another_backbone_are_named(shared_data: Path) -> None:
    path = str(shared_data / "weights" / "mobilenetv2_100_imagenet.safetensors")
    with pytest.raises(UserError, match=r"missing conv1.weight.* more.*unexpected.*give --backbone mobilenetv2_100"):
        resolve_weights("resnet18", path, 3, 64)


@pytest.mark.usefixtures("in_float64")
def test_a_head_of_the_same_size_is_loaded(file: Path) -> None:
    net = saved(file, "cnn3", num_classes=10)
    weights = resolve_weights("cnn3", str(file), 3, 28)
    assert weights.mean is None
    assert "those of the data set are used" in weights.notes[0]
    model = built(weights, "cnn3", size=28)
    (note,) = load_weights(model, weights)
    assert "fc.weight (10 classes) loaded" in note
    images = torch.randn(2, 3, 28, 28)
    torch.testing.assert_close(model(images), net(images))


@pytest.mark.usefixtures("in_float64")
def test_the_file_of_a_classifier_is_loaded(file: Path) -> None:
    first = built(Weights(), "small_cnn", num_classes=3)
    save_file(first.state_dict(), file, {"mean": "0.2", "std": "0.4"})
    weights = resolve_weights("small_cnn", str(file), 3, 32)
    assert (weights.mean, weights.std) == ((0.2,) * 3, (0.4,) * 3)
    second = built(weights, "small_cnn", num_classes=5)
    assert load_weights(second, weights) == ("head.weight (3 classes) dropped",)
    images = torch.randn(2, 3, 32, 32)
    torch.testing.assert_close(second.features(images), first.features(images))


def test_without_a_header_timms_normalisation_is_used_and_noted(file: Path) -> None:
    saved(file, "resnet18", num_classes=0)
    weights = resolve_weights("resnet18", str(file), 3, 32)
    assert weights.mean == (0.485, 0.456, 0.406)
    assert "timm's configuration" in weights.notes[0]


@pytest.mark.usefixtures("in_float64")
def test_rgb_weights_are_summed_for_grey_images(file: Path) -> None:
    net = saved(file, "small_cnn", {"mean": "0.2,0.4,0.6", "std": "0.5,0.5,0.5"}, num_classes=0)
    weights = resolve_weights("small_cnn", str(file), 1, 28)
    assert weights.mean == (pytest.approx(0.4),)
    assert "3 channels summed to 1" in weights.notes[1]
    model = built(weights, "small_cnn", channels=1, size=28)
    load_weights(model, weights)
    grey = torch.randn(2, 1, 28, 28)
    torch.testing.assert_close(model.features(grey), net(grey.expand(-1, 3, -1, -1)))


@pytest.mark.parametrize(("made", "wanted"), [(1, 3), (4, 3)])
def test_another_number_of_channels_is_named(file: Path, made: int, wanted: int) -> None:
    saved(file, "small_cnn", in_chans=made)
    with pytest.raises(UserError, match=f"images with {made} channels, yours have {wanted}"):
        resolve_weights("small_cnn", str(file), wanted, 28)


def test_position_tables_are_fitted_to_the_image_size(file: Path) -> None:
    saved(file, "vit_tiny_patch16_224", num_classes=0, img_size=64)
    weights = resolve_weights("vit_tiny_patch16_224", str(file), 3, 32)
    assert weights.trunk is not None
    assert weights.trunk["pos_embed"].shape == (1, 1 + 2 * 2, 192)


def test_resolving_weights_does_not_change_the_random_generator(file: Path) -> None:
    saved(file, "small_cnn", num_classes=0)
    before = torch.get_rng_state()
    resolve_weights("small_cnn", str(file), 3, 32)
    assert torch.equal(torch.get_rng_state(), before)


class Bomb:
    def __reduce__(self) -> Any:
        return Path.touch, (Path("exploded"),)


@pytest.mark.parametrize("name", ["w.pt", "w.pth", "w.safetensors"])
def test_a_pickle_is_refused_and_not_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.chdir(tmp_path)
    Path(name).write_bytes(pickle.dumps(Bomb()))
    with pytest.raises(UserError, match=r"never read.*safetensors.torch.save_file"):
        resolve_weights("small_cnn", name, 3, 32)
    assert not Path("exploded").exists()


@pytest.mark.parametrize(
    "content", [b"", b"\xff" * 64, b"\x02\x00\x00\x00\x00\x00\x00\x00{}", b"<html>not found</html>"]
)
def test_a_file_in_another_format_is_refused(file: Path, content: bytes) -> None:
    file.write_bytes(content)
    with pytest.raises(UserError, match=r"some\.safetensors"):
        resolve_weights("small_cnn", str(file), 3, 32)


def test_a_truncated_file_is_refused(file: Path) -> None:
    saved(file, "cnn3")
    file.write_bytes(file.read_bytes()[:-100])
    with pytest.raises(UserError, match="not a complete safetensors file"):
        resolve_weights("cnn3", str(file), 3, 32)


def test_weights_that_are_not_finite_are_refused(file: Path) -> None:
    net = timm.create_model("cnn3")
    state = net.state_dict() | {"fc.bias": torch.full((10,), float("nan"))}
    save_file(state, file)
    with pytest.raises(UserError, match=r"'fc\.bias' has values that are not finite"):
        resolve_weights("cnn3", str(file), 3, 32)


@pytest.mark.parametrize(
    ("header", "says"),
    [
        ({"pad_type": "reflect"}, "pad_type is 'reflect'"),
        ({"mean": "a,b,c", "std": "1,1,1"}, "mean is 'a,b,c'"),
        ({"mean": "0,0", "std": "1,1"}, "for 2 channels, the images have 3"),
        ({"mean": "0,0,0", "std": "1,0,1"}, "std is not above 0"),
    ],
)
def test_a_hostile_header_is_refused(file: Path, header: dict[str, str], says: str) -> None:
    saved(file, "cnn3", header)
    with pytest.raises(UserError, match=says):
        resolve_weights("cnn3", str(file), 3, 32)


def test_a_layer_of_another_shape_is_named(file: Path) -> None:
    saved(file, "small_cnn", width=32)
    with pytest.raises(UserError, match=r"with another shape convs.0.weight"):
        resolve_weights("small_cnn", str(file), 3, 32)


@pytest.mark.parametrize(
    ("name", "says"), [("imagnet", "did you mean 'imagenet'"), ("no/such.safetensors", "--weights none")]
)
def test_a_missing_file_is_named(name: str, says: str) -> None:
    with pytest.raises(UserError, match=f"there is no such file.*{says}"):
        resolve_weights("small_cnn", name, 3, 32)


@pytest.fixture
def no_network(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """An empty cache and an unreachable server; the list receives the timeouts of the requests."""
    asked: list[float] = []

    def unreachable(url: str, timeout: float) -> None:
        asked.append(timeout)
        raise ConnectionError("name resolution failed\nand more lines")

    def forbidden(*args: Any, **kwargs: Any) -> None:
        raise AssertionError("a download started although the server is unreachable")

    monkeypatch.setattr(weight_files, "try_to_load_from_cache", lambda *args: None)
    monkeypatch.setattr(weight_files, "get_hf_file_metadata", unreachable)
    monkeypatch.setattr(weight_files, "hf_hub_download", forbidden)
    return asked


def test_a_failed_download_names_the_alternatives_after_one_request(no_network: list[float]) -> None:
    with pytest.raises(UserError) as error:
        resolve_weights("resnet18", "imagenet", 3, 64)
    message = str(error.value)
    assert "\n" not in message
    assert "resnet18" in message
    assert "--weights FILE" in message
    assert "--weights none" in message
    assert len(no_network) == 1
    assert no_network[0] <= 10


def test_our_networks_have_no_imagenet_weights(no_network: list[float]) -> None:
    with pytest.raises(UserError, match="there are none for wrn_28_2"):
        resolve_weights("wrn_28_2", "imagenet", 3, 32)
    assert no_network == []


def test_a_file_without_a_backbone_does_not_start_a_download(file: Path, no_network: list[float]) -> None:
    save_file({"fc.weight": torch.zeros(10, 512), "fc.bias": torch.zeros(10)}, file)
    with pytest.raises(UserError, match="no weights of a backbone"):
        resolve_weights("resnet18", str(file), 3, 64)
    assert no_network == []


@pytest.mark.usefixtures("in_float64")
def test_imagenet_weights_come_with_timms_normalisation(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    net = saved(file, "resnet18", num_classes=1000)
    monkeypatch.setattr(weight_files, "try_to_load_from_cache", lambda *args: str(file))
    weights = resolve_weights("resnet18", "imagenet", 3, 64)
    assert (weights.mean, weights.std) == ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
    model = built(weights, "resnet18", size=64)
    assert load_weights(model, weights) == ("fc.weight (1000 classes) dropped",)
    images = torch.randn(2, 3, 64, 64)
    with torch.no_grad():
        torch.testing.assert_close(
            model.features(images), net.forward_head(net.forward_features(images), pre_logits=True)
        )


def test_the_preprocessing_header_is_read_back_and_a_damaged_one_is_refused(tmp_path: Path) -> None:
    tensors, file = {"backbone.a": torch.ones(1)}, tmp_path / "model.safetensors"
    save_file(tensors, file, preprocessing_header((0.25, 0.5), (1.0, 2.0), "same"))
    found = read_file(str(file)).header
    assert (found["mean"], found["std"], found["pad_type"]) == ("0.25,0.5", "1.0,2.0", "same")
    for damaged in ("[1]", '{"mean": 3}', "{"):
        save_file(tensors, file, {"fewlabels": damaged})
        with pytest.raises(UserError, match="download it again"):
            read_file(str(file))
