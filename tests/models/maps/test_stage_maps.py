"""Maps of the last stage, whatever the class: against numpy and figures computed by hand."""

import numpy as np
import pytest
import timm
import torch

from fewlabels.methods.localize.map_probe import MapProbe, MapProbeParameters
from fewlabels.models.build import ModelSpec, build
from fewlabels.models.maps.evidence import MAP_FUNCTIONS
from fewlabels.models.maps.stage_maps import STAGE_MAPS, border_distance, last_stage, median_distance, norm


def features() -> torch.Tensor:
    """(2, 5, 6, 7)."""
    return torch.randn(2, 5, 6, 7, generator=torch.Generator().manual_seed(0))


def test_the_norm_is_that_of_the_vector_at_each_place() -> None:
    np.testing.assert_allclose(norm(features()).numpy(), np.linalg.norm(features().numpy(), axis=1), rtol=1e-6)


def test_an_object_is_as_far_from_an_even_border_as_its_features_differ() -> None:
    x = torch.full((1, 2, 5, 5), 2.0)
    x[0, :, 2, 2] = torch.tensor([5.0, 6.0])
    expected = torch.zeros(1, 5, 5)
    expected[0, 2, 2] = 5
    torch.testing.assert_close(border_distance(x), expected)
    torch.testing.assert_close(median_distance(x), expected)


def test_the_border_is_represented_by_its_mean() -> None:
    x = torch.zeros(1, 1, 3, 4)
    x[0, 0, 0] = 5  # four of ten places at the border: their mean is 2
    torch.testing.assert_close(border_distance(x)[0, 1], torch.full((4,), 2.0))
    torch.testing.assert_close(border_distance(x)[0, 0], torch.full((4,), 3.0))


def test_an_object_at_the_border_does_not_move_the_median() -> None:
    x = features().numpy()
    middle = np.median(x.reshape(2, 5, -1), axis=2)[:, :, None, None]
    np.testing.assert_allclose(
        median_distance(torch.from_numpy(x)).numpy(), np.linalg.norm(x - middle, axis=1), rtol=1e-5
    )


@pytest.mark.parametrize("height", [1, 2])
def test_a_map_of_two_rows_is_a_border_as_a_whole(height: int) -> None:
    x = features()[:, :, :height]
    expected = np.linalg.norm(x.numpy() - x.numpy().mean((2, 3), keepdims=True), axis=1)
    np.testing.assert_allclose(border_distance(x).numpy(), expected, rtol=1e-5, atol=1e-6)


@pytest.mark.usefixtures("in_float64")
@torch.no_grad()
def test_the_last_stage_is_that_before_a_widening_convolution() -> None:
    torch.manual_seed(0)
    network, x = MapProbe.network(MapProbeParameters()), torch.randn(2, 3, 96, 96)
    spec = ModelSpec("tf_efficientnet_lite0", 3, 3, 96, network.head, None, (0.5,) * 3, (0.5,) * 3, boxes=network.boxes)
    model = build(spec).eval()
    stages = timm.create_model("tf_efficientnet_lite0", features_only=True)
    stages.load_state_dict(model.networks()[0].backbone.state_dict(), strict=False)
    expected = stages.eval()(x)[-1]
    torch.testing.assert_close(last_stage(model, x), expected)
    for name, compute in STAGE_MAPS.items():
        found = MAP_FUNCTIONS[name](model, x, torch.zeros(2, dtype=torch.int64))
        torch.testing.assert_close(found, compute(expected))
