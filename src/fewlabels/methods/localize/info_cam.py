"""InfoCAM: the class's activation map minus the mean map of the other classes."""

from fewlabels.methods.localizing import MapMethod, MapParameters


class InfoCAM(MapMethod):
    """Training is that of ``cam``; the mean map of the other classes is subtracted from the class's map.

    Batch statistics are updated in the one pass over the labelled images. See docs/papers/baselines.md, info-cam.
    """

    title = "InfoCAM"
    paper = "Qin, Kim and Gedeon, Rethinking Softmax with Cross-Entropy, arXiv 1911.10688 (2019)."
    idea = (
        "Evidence that all classes share does not discriminate, so the mean of the other classes' maps is subtracted "
        "from the map of the class. The box encloses the largest component above a fifth of the map's range."
    )
    map = "info-cam"
    hyperparameters = MapParameters
