"""Grad-CAM: feature maps weighted by the mean gradient of the class's logit."""

from fewlabels.methods.localizing import MapMethod, MapParameters


class GradCAM(MapMethod):
    """Training is that of ``cam``; the map works for any head."""

    title = "Grad-CAM"
    paper = "Selvaraju et al., Grad-CAM: Visual Explanations from Deep Networks, ICCV 2017."
    idea = (
        "Each feature map counts as much as the class's logit grows with it on average over the places; what is "
        "negative in their sum is cut off. The box is around the largest part of the map above a fifth of its range."
    )
    map = "grad-cam"
    hyperparameters = MapParameters
