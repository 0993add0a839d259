"""Hide-and-Seek: parts of the image are hidden in training, so that one part of the object is not enough."""

from dataclasses import dataclass

from torch import Tensor
from torch.nn.functional import cross_entropy

from fewlabels.augment.hide import hide
from fewlabels.methods.localizing import MapMethod, MapParameters
from fewlabels.methods.method import Batch, parameter


@dataclass(frozen=True)
class HideAndSeekParameters(MapParameters):
    """Defaults of wsolevaluation."""

    grid: int = parameter(
        4, "side of a cell in pixels of the image as the network sees it; larger images want larger cells", least=1
    )
    drop: float = parameter(0.5, "probability that a cell is hidden", least=0, most=1)


class HideAndSeek(MapMethod):
    """Cells of a grid are hidden anew in each batch; at test time nothing is. Batch statistics move in that pass.

    The cells are so many pixels whatever the size of the image: at 448 px the default hides specks. The paper's cells
    (from memory: of 16 to 56 pixels at 224) are a fourteenth to a quarter of the side.
    """

    title = "Hide-and-Seek"
    paper = (
        "Singh and Lee, Hide-and-Seek: Forcing a Network to be Meticulous for Weakly-supervised Object and Action "
        "Localization, ICCV 2017."
    )
    idea = (
        "Random cells of each training image are hidden, so that the part that says most of the class is often missing "
        "and the classifier has to look at the others as well. The box is that of CAM."
    )
    hyperparameters = HideAndSeekParameters
    frozen_trunk = "pixels"
    p: HideAndSeekParameters

    def loss(self, x: Tensor, labels: Tensor, batch: Batch) -> Tensor:
        """Cross-entropy of images with hidden cells."""
        hidden = hide(x, batch.draws.fork("hide"), self.p.grid, self.p.drop)
        return cross_entropy(self.model(hidden), labels)
