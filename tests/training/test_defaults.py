"""What is decided when nothing was said (docs/defaults.md)."""

from dataclasses import replace

import pytest

from fewlabels.errors import UserError
from fewlabels.options import TrainOptions
from fewlabels.run.defaults import DataFacts, decide

ASKED = TrainOptions(data="folder", method="fixmatch")
PICTURES = DataFacts(short_side=28, flip="none", accelerated=False, trains=True)
PHOTOGRAPHS = DataFacts(short_side=375, flip="horizontal", accelerated=False, trains=True)


def test_small_pictures_are_trained_from_nothing_at_their_size() -> None:
    found = decide(ASKED, PICTURES)
    assert (found.backbone, found.weights, found.freeze, found.image_size) == ("small_cnn", "none", False, 28)
    assert found.backbone_lr == found.lr


def test_tiny_pictures_are_enlarged() -> None:
    assert decide(ASKED, replace(PICTURES, short_side=8)).image_size == 16


def test_a_probe_reads_features_of_a_pretrained_network_on_enlarged_pictures() -> None:
    asked, facts = replace(ASKED, method="linear-probe"), replace(PICTURES, trains=False)
    found = decide(asked, facts)
    assert (found.backbone, found.weights, found.image_size) == ("tf_efficientnet_lite0", "imagenet", 128)
    assert decide(replace(asked, weights="none"), facts).image_size == 28
    assert decide(replace(asked, weights="imagenet"), facts).backbone == "tf_efficientnet_lite0"
    small = decide(replace(asked, image_size=32), facts)
    assert (small.image_size, small.weights) == (32, "imagenet")
    assert decide(asked, replace(facts, short_side=96)).image_size == 96
    assert decide(replace(asked, backbone="small_cnn"), facts).weights == "none"


def test_photographs_train_a_head_on_imagenet_features_on_a_cpu() -> None:
    found = decide(ASKED, PHOTOGRAPHS)
    assert (found.backbone, found.weights, found.freeze, found.image_size) == (
        "tf_efficientnet_lite0",
        "imagenet",
        True,
        224,
    )


def test_a_method_that_looks_at_pixels_takes_small_batches_through_a_frozen_trunk() -> None:
    """Nothing is kept of the images, so a step costs what it costs with the whole network."""
    found = decide(ASKED, replace(PHOTOGRAPHS, frozen_trunk="pixels"))
    assert found.freeze
    assert (found.batch_size, found.steps) == (8, 1000)


@pytest.mark.parametrize(("mu", "labelled"), [(7, 8), (3, 16), (1, 32), (12, 8), (0, 8)])
def test_a_batch_holds_64_images_of_which_8_at_least_are_labelled(mu: int, labelled: int) -> None:
    assert decide(ASKED, replace(PICTURES, mu=mu)).batch_size == labelled
    assert decide(ASKED, replace(PHOTOGRAPHS, frozen_trunk="pixels", mu=mu)).batch_size == labelled


def test_a_task_may_ask_for_larger_batches_and_for_more_steps_of_small_pictures() -> None:
    asked = replace(PICTURES, small_steps=4000)
    assert decide(ASKED, asked).steps == 4000
    assert decide(ASKED, replace(asked, accelerated=True)).steps == 20000
    assert decide(ASKED, replace(PHOTOGRAPHS, small_steps=4000)).steps == decide(ASKED, PHOTOGRAPHS).steps
    assert decide(ASKED, replace(PICTURES, least_batch=32)).batch_size == 32
    assert decide(ASKED, replace(PHOTOGRAPHS, least_batch=32)).batch_size == 64


def test_photographs_train_the_backbone_slowly_on_an_accelerator() -> None:
    found = decide(ASKED, replace(PHOTOGRAPHS, accelerated=True))
    assert not found.freeze
    assert found.backbone_lr is not None
    assert found.lr is not None
    assert found.backbone_lr < found.lr


def test_batch_statistics_are_those_of_the_weights_where_there_are_any() -> None:
    assert decide(ASKED, PHOTOGRAPHS).statistics == "fixed"
    assert decide(replace(ASKED, weights="none"), PHOTOGRAPHS).statistics == "moving"
    assert decide(ASKED, PICTURES).statistics == "moving"


def test_gradients_are_clipped_where_pretrained_layers_train() -> None:
    assert decide(replace(ASKED, freeze=False), PHOTOGRAPHS).clip == 1.0
    assert decide(ASKED, replace(PHOTOGRAPHS, accelerated=True)).clip == 1.0
    assert decide(ASKED, PHOTOGRAPHS).clip == 0.0
    assert decide(replace(ASKED, weights="none"), PHOTOGRAPHS).clip == 0.0
    assert decide(replace(ASKED, freeze=False, clip=0.0), PHOTOGRAPHS).clip == 0.0


def test_a_backbone_without_weights_is_never_frozen() -> None:
    found = decide(replace(ASKED, weights="none"), PHOTOGRAPHS)
    assert not found.freeze
    assert found.backbone_lr == found.lr


def test_what_was_asked_for_stays() -> None:
    asked = replace(ASKED, steps=7, image_size=40, lr=0.5, freeze=False, batch_size=3, flip="both", label_seed=9)
    found = decide(asked, PHOTOGRAPHS)
    assert (found.steps, found.image_size, found.lr, found.freeze) == (7, 40, 0.5, False)
    assert (found.batch_size, found.flip, found.label_seed) == (3, "both", 9)


def test_the_label_seed_follows_the_seed() -> None:
    assert decide(replace(ASKED, seed=4), PICTURES).label_seed == 4


@pytest.mark.parametrize("changes", [{"steps": 10}, {"freeze": False}])
def test_a_method_without_steps_refuses_them(changes: dict) -> None:
    asked = replace(ASKED, method="linear-probe", **changes)
    with pytest.raises(UserError, match="linear-probe trains no backbone"):
        decide(asked, replace(PHOTOGRAPHS, trains=False))
