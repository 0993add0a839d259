"""InfoCAM: the class's activation map less that of the other classes."""

from fewlabels.methods.localizing import MapMethod, MapParameters


class InfoCAM(MapMethod):
    """Training is that of ``cam``; from the class's map the mean of the other classes' maps is taken away."""

    title = "InfoCAM"
    paper = "Qin et al., Informative Class Activation Maps, arXiv 1906.12037 (2019)."
    idea = (
        "What speaks for every class says nothing about this one, so the mean of the other classes' maps is subtracted "
        "from the class's own. The box is around the largest part of the map above a fifth of its range."
    )
    map = "info-cam"
    hyperparameters = MapParameters
