"""Class activation maps: the linear head, applied at every place of the last map."""

from fewlabels.methods.localizing import MapMethod, MapParameters


class CAM(MapMethod):
    """The map is the head's weights over the last features, negative values included, scaled within the image."""

    title = "CAM"
    paper = "Zhou et al., Learning Deep Features for Discriminative Localization, CVPR 2016."
    idea = (
        "A classifier whose features are averaged before its linear head has seen the class somewhere: the head, "
        "applied at each place, says where. The box is around the largest part of the map above a fifth of its range."
    )
    hyperparameters = MapParameters
