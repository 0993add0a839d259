"""CAM: class activation maps, the linear head applied at every place of the last map."""

from fewlabels.methods.localizing import MapMethod, MapParameters


class CAM(MapMethod):
    """The map is the class's weights of the head applied to the last map, with negative values, scaled per image.

    Batch statistics are updated in the one pass over the labelled images.
    """

    title = "CAM"
    paper = "Zhou et al., Learning Deep Features for Discriminative Localization, CVPR 2016."
    idea = (
        "The linear head of a classifier with global average pooling is applied at each place of the last map, which "
        "shows where the evidence for the class is. The box encloses the largest component above a fifth of the map's "
        "range."
    )
    hyperparameters = MapParameters
