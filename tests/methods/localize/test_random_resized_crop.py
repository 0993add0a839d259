"""GR: CAM with another view."""

from fewlabels.augment.views import VIEWS
from fewlabels.methods.localize.cam import CAM
from fewlabels.methods.localize.random_resized_crop import RandomResizedCrop
from fewlabels.methods.localizing import MapParameters


def test_it_is_cam_trained_on_random_resized_crops() -> None:
    assert RandomResizedCrop.labelled_views == ("random-resized-crop",) != CAM.labelled_views
    assert set(RandomResizedCrop.labelled_views) <= set(VIEWS)
    parameters = MapParameters()
    assert RandomResizedCrop.hyperparameters is CAM.hyperparameters is MapParameters
    assert RandomResizedCrop.network(parameters) == CAM.network(parameters)
    assert RandomResizedCrop.losses is CAM.losses


def test_it_says_that_it_is_unverified() -> None:
    assert "unverified" in RandomResizedCrop.idea
    assert "Unverified" in (RandomResizedCrop.__doc__ or "")
