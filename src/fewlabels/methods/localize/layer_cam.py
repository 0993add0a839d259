"""LayerCAM: features weighted at each place by the positive part of their gradient."""

from fewlabels.methods.localizing import MapMethod, MapParameters


class LayerCAM(MapMethod):
    """Training is that of ``cam``; only the map of the last layer is used.

    Batch statistics are updated in the one pass over the labelled images.
    """

    title = "LayerCAM"
    paper = "Jiang et al., LayerCAM: Exploring Hierarchical Class Activation Maps for Localization, TIP 2021."
    idea = (
        "At each place the features are weighted by the gradient of the class's logit there; negative gradients count "
        "0. The box encloses the largest component above a fifth of the map's range."
    )
    map = "layer-cam"
    hyperparameters = MapParameters
