"""Map probe: boxes from large images, classes from images of the size that the network was made for."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from tests.tiny import Case, case_options, tiny_experiment, write_pretrained, write_tiny

from fewlabels.methods.localize.map_probe import MapProbe, MapProbeParameters
from fewlabels.models.build import ModelSpec, build
from fewlabels.models.localizer import Localizer
from fewlabels.models.maps.evidence import MAP_FUNCTIONS
from fewlabels.models.maps.regions import boxes_of
from fewlabels.options import TrainOptions
from fewlabels.run.defaults import DataFacts, decide
from fewlabels.run.train import train

NO_CLASS = torch.zeros(3, dtype=torch.int64)


def localizer(class_size: int) -> Localizer:
    torch.manual_seed(0)
    network = MapProbe.network(MapProbeParameters())
    spec = ModelSpec(
        "small_cnn", 3, 3, 32, network.head, None, (0.5,) * 3, (0.5,) * 3, boxes=network.boxes, class_size=class_size
    )
    model = build(spec).eval()
    assert isinstance(model, Localizer)
    return model


@pytest.mark.parametrize(("class_size", "expected"), [(0, 1), (32, 1), (16, 2)])
@torch.no_grad()
def test_class_and_box_come_from_one_pass_where_both_see_the_same_image(
    class_size: int, expected: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    model, x = localizer(class_size), torch.randn(3, 3, 32, 32)
    maps, logits = MAP_FUNCTIONS["border-distance"](model, x, NO_CLASS), model(x)
    backbone, passes = model.networks()[0].backbone, []
    plain = backbone.forward_features
    monkeypatch.setattr(backbone, "forward_features", lambda images: passes.append(1) or plain(images))
    found = model.locate(x)
    assert len(passes) == expected
    torch.testing.assert_close(found.logits, logits)
    torch.testing.assert_close(found.boxes, boxes_of(maps, 0.4, "largest", side=32))


@torch.no_grad()
def test_the_class_is_that_of_the_reduced_image() -> None:
    """Pillow reduces images by the same triangle filter."""
    model, x = localizer(16), torch.rand(1, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    channels = [Image.fromarray(one).resize((16, 16), Image.Resampling.BILINEAR) for one in x[0].numpy()]
    reduced = torch.from_numpy(np.stack([np.asarray(one) for one in channels]))[None]
    torch.testing.assert_close(model(x), model.classifier(reduced), rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(model.features(x), model.classifier.features(reduced), rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(model(reduced), model.classifier(reduced))


def test_images_have_a_size_of_their_own_unless_one_is_given() -> None:
    facts = DataFacts(short_side=256, flip="none", accelerated=False, trains=False, image_size=MapProbe.image_size)
    options = TrainOptions(method="map-probe")
    assert decide(options, facts).image_size == 448
    small = decide(options, replace(facts, short_side=28))
    assert (small.image_size, small.weights) == (448, "imagenet")
    assert decide(replace(options, image_size=320), facts).image_size == 320
    assert decide(TrainOptions(method="linear-probe"), replace(facts, image_size=None)).image_size == 224


@pytest.mark.parametrize(("head", "same"), [("linear", "linear-probe"), ("graph", "graph-probe")])
def test_the_class_is_that_of_the_probe_with_the_same_head(tmp_path: Path, head: str, same: str) -> None:
    root = write_tiny(write_pretrained(tmp_path))
    own = {"weights": str(root / "pretrained.safetensors"), "backbone": "small_cnn", "num_labels": 9, "image_size": 16}
    boxed, plain = Case("localize", "map-probe"), Case("classify", same)
    runs = [
        train(case_options(root, case, root / str(case), **own, **more), say=lambda _: None)
        for case, more in ((boxed, {"parameters": {"head": head}}), (plain, {}))
    ]
    rows = [[row.split(",") for row in (out / "labels.csv").read_text().splitlines()[1:]] for out in runs]
    for ours, expected in zip(*rows, strict=True):
        assert ours[3] == expected[3]
        assert float(ours[4]) == pytest.approx(float(expected[4]), abs=1e-4)


def test_a_run_has_classes_of_reduced_images(tmp_path: Path) -> None:
    options = case_options(write_tiny(tmp_path), Case("localize", "map-probe"), tmp_path / "run")
    model = tiny_experiment(options, None).method.model
    assert isinstance(model, Localizer)
    assert model.class_size == 224
