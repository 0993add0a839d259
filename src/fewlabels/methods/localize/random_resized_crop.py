"""GR: CAM, trained on random resized crops."""

from fewlabels.methods.localizing import MapMethod, MapParameters


class RandomResizedCrop(MapMethod):
    """CAM on crops of 8 to 100 % of the area and aspects from 3/4 to 4/3, resized to the whole image.

    Unverified: the row GR of LCHP's table names no more than the paper. That it is the crop which the first author's
    later code calls "GoogLeNet resize" is our reading (METHODS 6.4), and the paper's further training tricks are not
    here. Batch statistics move in the one pass.
    """

    title = "Random resized crop (GR, unverified)"
    paper = "Choe et al., Improved Techniques for the Weakly-Supervised Object Localization, arXiv 1802.07888, 2018."
    idea = (
        "Training on random crops of any size, down to a twelfth of the image, often shows the less telling parts of "
        "an object alone; the box is that of CAM. That this is what the paper does is our reading of it, unverified."
    )
    hyperparameters = MapParameters
    frozen_trunk = "pixels"
    labelled_views = ("random-resized-crop",)
