"""The last stages of a backbone and hooks on their maps."""

import pytest
import timm
import torch
from torch import Tensor, nn

from fewlabels.errors import UserError
from fewlabels.models import backbones
from fewlabels.models.stages import Stage, at_stages, last_stages


def stages_and_shapes(name: str, size: int) -> tuple[list[Stage], list[tuple[int, ...]]]:
    """Return the last two stages and the shapes of their maps."""
    backbone = backbones.create(name, 3, size).eval()
    stages, shapes = last_stages(backbone, 2), []
    with torch.no_grad(), at_stages(backbone, stages, lambda _, found: shapes.append(tuple(found.shape))):
        backbone(torch.randn(2, 3, size, size))
    return stages, shapes


@pytest.mark.parametrize(
    ("name", "size", "maps"),
    [
        ("mobilenetv2_100", 64, [(96, 4, 4), (320, 2, 2)]),
        ("test_convnext", 64, [(48, 4, 4), (64, 2, 2)]),
        ("resnet18", 64, [(256, 4, 4), (512, 2, 2)]),
        ("small_cnn", 16, [(32, 4, 4), (64, 4, 4)]),
        ("small_cnn", 64, [(32, 8, 8), (64, 8, 8)]),
        ("wrn_28_2", 32, [(64, 16, 16), (128, 8, 8)]),
        ("cnn13", 32, [(256, 6, 6), (128, 6, 6)]),
        ("cnn3", 28, [(16, 28, 28), (32, 7, 7)]),
    ],
)
def test_the_maps_of_the_last_two_stages_have_the_declared_width(
    name: str, size: int, maps: list[tuple[int, int, int]]
) -> None:
    stages, shapes = stages_and_shapes(name, size)
    assert shapes == [(2, *shape) for shape in maps]
    assert [stage.width for stage in stages] == [shape[0] for shape in maps]


def test_hooks_receive_channels_first_maps_of_a_channels_last_backbone() -> None:
    backbone = timm.create_model("swin_tiny_patch4_window7_224", num_classes=0, img_size=64, embed_dim=24).eval()
    stages, images, shapes = last_stages(backbone, 2), torch.randn(1, 3, 64, 64), []

    def hook(_: int, found: Tensor) -> Tensor:
        shapes.append(tuple(found.shape))
        return found * 1

    with torch.no_grad():
        plain = backbone(images)
        with at_stages(backbone, stages, hook):
            assert torch.equal(backbone(images), plain)
    assert [shape[1] for shape in shapes] == [96, 192]


def test_the_result_of_a_hook_replaces_the_map() -> None:
    backbone = backbones.create("small_cnn", 1, 16).eval()
    images = torch.randn(2, 1, 16, 16)
    with torch.no_grad(), at_stages(backbone, last_stages(backbone, 1), lambda _, found: torch.zeros_like(found)):
        assert not backbone(images).any()


def test_hooks_are_removed_even_after_an_error() -> None:
    backbone = backbones.create("small_cnn", 1, 16)
    stages = last_stages(backbone, 2)
    with pytest.raises(RuntimeError), at_stages(backbone, stages, lambda *_: None):
        backbone(torch.zeros(1, 2, 16, 16))
    assert not any(module._forward_hooks for module in backbone.modules())


def test_a_network_with_too_few_stages_is_refused() -> None:
    with pytest.raises(UserError, match=r"\(Identity\) has fewer than 2 stages"):
        last_stages(nn.Identity(), 2)
    with pytest.raises(UserError, match="has fewer than 9 stages"):
        last_stages(backbones.create("resnet18", 3, 64), 9)


def test_tokens_are_refused() -> None:
    backbone = backbones.create("test_vit", 3, 160)
    with (
        pytest.raises(UserError, match="no feature maps"),
        at_stages(backbone, last_stages(backbone, 2), lambda *_: None),
    ):
        backbone(torch.zeros(1, 3, 160, 160))
