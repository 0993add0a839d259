"""Hide-and-Seek: random parts of the training images are hidden, so that one part of the object is not enough."""

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
        4, "side of a cell in pixels of the network's input; larger images need larger cells", least=1
    )
    drop: float = parameter(0.5, "probability that a cell is hidden", least=0, most=1)


class HideAndSeek(MapMethod):
    """Hidden cells of a grid are drawn for each batch; nothing is hidden at test time.

    Batch statistics are updated in the pass over the images with hidden cells. The size of a cell in pixels does not
    depend on the size of the image: at 448 pixels the default hides small specks. The paper's cells (from memory: 16 to
    56 pixels at 224) are a fourteenth to a quarter of the side.
    """

    title = "Hide-and-Seek"
    paper = (
        "Singh and Lee, Hide-and-Seek: Forcing a Network to be Meticulous for Weakly-supervised Object and Action "
        "Localization, ICCV 2017."
    )
    idea = (
        "Random cells of each training image are hidden, so that the most discriminative part of an object is often "
        "missing and the classifier has to use other parts as well. The box comes from the CAM."
    )
    hyperparameters = HideAndSeekParameters
    frozen_trunk = "pixels"
    p: HideAndSeekParameters

    def loss(self, x: Tensor, labels: Tensor, batch: Batch) -> Tensor:
        """Return the cross-entropy on images with hidden cells, a scalar."""
        hidden = hide(x, batch.draws.fork("hide"), self.p.grid, self.p.drop)
        return cross_entropy(self.model(hidden), labels)
