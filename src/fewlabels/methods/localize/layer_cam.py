"""LayerCAM: at each place, the features weighted by the positive part of their own gradient."""

from fewlabels.methods.localizing import MapMethod, MapParameters


class LayerCAM(MapMethod):
    """Training is that of ``cam``; the map is that of the last layer."""

    title = "LayerCAM"
    paper = "Jiang et al., LayerCAM: Exploring Hierarchical Class Activation Maps for Localization, TIP 2021."
    idea = (
        "Each feature counts, place by place, as much as the class's logit grows with it there; negative gradients "
        "count nothing. The box is around the largest part of the map above a fifth of its range."
    )
    map = "layer-cam"
    hyperparameters = MapParameters
