"""Grad-CAM: feature maps weighted by the mean gradient of the class's logit."""

from fewlabels.methods.localizing import MapMethod, MapParameters


class GradCAM(MapMethod):
    """Training is that of ``cam``; unlike CAM, the map is defined for any head.

    Batch statistics are updated in the one pass over the labelled images.
    """

    title = "Grad-CAM"
    paper = "Selvaraju et al., Grad-CAM: Visual Explanations from Deep Networks, ICCV 2017."
    idea = (
        "The map is the positive part of the sum of all feature maps, each weighted by the mean gradient of the "
        "class's logit. The box encloses the largest component above a fifth of the map's range."
    )
    map = "grad-cam"
    hyperparameters = MapParameters
