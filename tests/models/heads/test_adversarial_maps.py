"""ACoL's two branches of class maps."""

import pytest
import torch
from torch import Tensor, nn

from fewlabels.models.build import ModelSpec, build
from fewlabels.models.heads.adversarial_maps import AdversarialMapClassifier, erase_features
from fewlabels.models.inference import evaluating
from fewlabels.models.maps.evidence import cam


def built(backbone: str = "small_cnn", size: int = 64) -> AdversarialMapClassifier:
    torch.manual_seed(0)
    spec = ModelSpec(backbone, 4, 3, size, "adversarial-maps", None, (0.5,) * 3, (0.3,) * 3)
    found = build(ModelSpec.from_dict(spec.to_dict()))
    assert isinstance(found, AdversarialMapClassifier)
    return found.eval()


def images(size: int = 64) -> Tensor:
    return torch.randn(2, 3, size, size, generator=torch.Generator().manual_seed(1))


def two_channel_model() -> AdversarialMapClassifier:
    """Two channels are two classes: A's maps are the features, B's are twice the features that are not erased."""
    found = built()
    first, second = nn.Identity(), nn.Conv2d(2, 2, 1, bias=False)
    nn.init.zeros_(second.weight)
    second.weight.data[0, 0] = second.weight.data[1, 1] = 2
    found.head, found.complement = first, second  # pyright: ignore[reportAttributeAccessIssue]
    found.location_features = lambda x: (x, x)
    return found


FEATURES = torch.tensor([[[0.0, 1], [5, 10]], [[4.0, 0], [3, 2]]])[None]
"""Features of the classes 0 and 1; class 0 is the more probable one."""


def test_the_features_are_erased_where_the_map_reaches_the_threshold() -> None:
    maps = torch.tensor([[[1.0, 2], [4, 6]]])
    kept = erase_features(torch.ones(1, 3, 2, 2), maps, 0.6)
    assert kept[0, 0].tolist() == [[1, 1], [0, 0]]
    assert torch.equal(kept[:, 0], kept[:, 2])


def test_a_constant_map_erases_nothing() -> None:
    assert erase_features(torch.ones(1, 3, 2, 2), torch.full((1, 2, 2), 7.0), 0.6).all()


def test_the_second_branch_loses_the_given_class_or_else_the_predicted_one() -> None:
    model = two_channel_model()
    erased = {label: model.both_maps(FEATURES, torch.tensor([label])).second for label in (0, 1)}
    assert erased[0].tolist() == [[[[0, 2], [10, 0]], [[8, 0], [6, 0]]]]
    assert erased[1].tolist() == [[[[0, 2], [0, 20]], [[0, 0], [0, 4]]]]
    assert torch.equal(model.both_maps(FEATURES).second, erased[0])


def test_the_erasing_threshold_is_saved_with_the_weights() -> None:
    """With 0.4 the location with 5 of 10 is erased as well."""
    model = two_channel_model()
    model.erasing.fill_(0.4)
    assert model.both_maps(FEATURES).second[0, 0].tolist() == [[0, 2], [0, 0]]
    saved = built()
    saved.erasing.fill_(0.4)
    again = built()
    again.load_state_dict(saved.state_dict())
    assert again.erasing == saved.erasing != built().erasing


def test_the_map_is_the_maximum_of_both_scaled_maps() -> None:
    """Class 0: A 0, .1, .5, 1 and B 0, .2, 1, 0; class 1: A 1, 0, .75, .5 and B 1, 0, .75, 0."""
    expected = [[[[0, 0.2], [1, 1]], [[1, 0], [0.75, 0.5]]]]
    torch.testing.assert_close(two_channel_model().class_maps(FEATURES), torch.tensor(expected))


@pytest.mark.usefixtures("in_float64")
def test_the_cam_of_the_network_is_that_map() -> None:
    model, x, classes = built(), images(), torch.tensor([3, 1])
    with torch.no_grad():
        assert torch.equal(cam(model, x, classes), model.class_maps(x)[torch.arange(2), classes])


@pytest.mark.usefixtures("in_float64")
@pytest.mark.parametrize(("backbone", "size"), [("small_cnn", 16), ("mobilenetv2_100", 64), ("test_convnext", 32)])
def test_the_logits_are_those_of_the_first_branch(backbone: str, size: int) -> None:
    model, x = built(backbone, size), images(size)
    with torch.no_grad(), evaluating(model):
        first, second = model.both_maps(x)
        assert first.shape == second.shape
        torch.testing.assert_close(model(x), first.mean((2, 3)))
        torch.testing.assert_close(model.outputs(x).logits, model(x))
