"""Random resized crop (GR): CAM, trained on random resized crops."""

from fewlabels.methods.localizing import MapMethod, MapParameters


class RandomResizedCrop(MapMethod):
    """CAM on crops of 8 to 100 % of the area with aspect ratios from 3/4 to 4/3, resized to the image size.

    Unverified: the row GR of LCHP's table only names the paper. We read it as the crop that the first author's later
    code calls "GoogLeNet resize" (docs/papers/baselines.md, random-resized-crop); the paper's further training
    techniques are not included. Batch statistics are updated in the one pass over the labelled images.
    """

    title = "Random resized crop (GR, unverified)"
    paper = "Choe et al., Improved Techniques for the Weakly-Supervised Object Localization, arXiv 1802.07888, 2018."
    idea = (
        "Random crops, down to a twelfth of the image, often show only the less discriminative parts of an object; the "
        "box comes from the CAM. That the paper does this is our unverified reading."
    )
    hyperparameters = MapParameters
    frozen_trunk = "pixels"
    labelled_views = ("random-resized-crop",)
