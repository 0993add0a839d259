"""Map probe: the box of the features' norm and the class of a regression, in one pass."""

from dataclasses import replace

import pytest
import timm
import torch

from fewlabels.methods.localize.map_probe import MapProbe, MapProbeParameters
from fewlabels.models.build import ModelSpec, build
from fewlabels.models.localizer import Localizer
from fewlabels.models.maps.evidence import MAP_FUNCTIONS
from fewlabels.models.maps.regions import boxes_of
from fewlabels.options import TrainOptions
from fewlabels.run.defaults import DataFacts, decide


def localizer(backbone: str, size: int) -> Localizer:
    torch.manual_seed(0)
    network = MapProbe.network(MapProbeParameters())
    spec = ModelSpec(backbone, 3, 3, size, network.head, None, (0.5,) * 3, (0.5,) * 3, boxes=network.boxes)
    model = build(spec).eval()
    assert isinstance(model, Localizer)
    return model


@pytest.mark.usefixtures("in_float64")
@torch.no_grad()
def test_the_norm_is_that_of_the_last_stage_before_a_widening_convolution() -> None:
    model, x = localizer("tf_efficientnet_lite0", 64), torch.randn(2, 3, 64, 64)
    stages = timm.create_model("tf_efficientnet_lite0", features_only=True)
    stages.load_state_dict(model.networks()[0].backbone.state_dict(), strict=False)
    expected = stages.eval()(x)[-1].norm(dim=1)
    found = MAP_FUNCTIONS["norm"](model, x, torch.zeros(2, dtype=torch.int64))
    assert found.shape == (2, 2, 2)
    torch.testing.assert_close(found, expected.float())


@pytest.mark.usefixtures("in_float64")
@torch.no_grad()
def test_class_and_box_come_from_one_pass(monkeypatch: pytest.MonkeyPatch) -> None:
    model, x = localizer("small_cnn", 32), torch.randn(3, 3, 32, 32)
    maps = MAP_FUNCTIONS["norm"](model, x, torch.zeros(3, dtype=torch.int64))
    logits = model.classifier(x)
    backbone, passes = model.networks()[0].backbone, []
    backbone.register_forward_pre_hook(lambda *_: passes.append(1))
    plain = backbone.forward_features
    monkeypatch.setattr(backbone, "forward_features", lambda images: passes.append(1) or plain(images))
    found = model.locate(x)
    assert len(passes) == 1
    torch.testing.assert_close(found.logits, logits)
    torch.testing.assert_close(found.boxes, boxes_of(maps, 0.45, "largest", side=32))


def test_photographs_are_larger_than_for_other_methods() -> None:
    facts = DataFacts(
        short_side=256, flip="none", accelerated=False, trains=False, largest_image=MapProbe.largest_image,
        enlargement=MapProbe.enlargement,
    )  # fmt: skip
    assert decide(TrainOptions(method="map-probe"), facts).image_size == 384
    assert decide(TrainOptions(method="map-probe"), replace(facts, short_side=128)).image_size == 192
    assert (
        decide(TrainOptions(method="linear-probe"), replace(facts, largest_image=224, enlargement=1.0)).image_size
        == 224
    )
