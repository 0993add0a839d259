"""Map probe: the class by a logistic regression, the box by a map, both of a fixed network."""

from dataclasses import dataclass

from fewlabels.methods.localizing import LocalizingMethod
from fewlabels.methods.method import Network, Parameters, Pool, parameter
from fewlabels.methods.probing import ProbingMethod, fit_logistic
from fewlabels.models.maps.box_rule import BoxRule, Component, MapName


@dataclass(frozen=True)
class MapProbeParameters(Parameters):
    """The threshold has a fixed default: tuning it on boxes would be training on boxes."""

    map: MapName = parameter("norm", "the map whose foreground is the box")
    threshold: float = parameter(
        0.45, "values of the scaled map above this are foreground (docs/papers/baselines.md)", least=0, below=1
    )
    component: Component = parameter(
        "largest", "the box encloses the largest connected component of the foreground, or all of it"
    )
    C: float = parameter(10.0, "inverse strength of the L2 penalty of the regression", above=0)


class MapProbe(ProbingMethod, LocalizingMethod):
    """The trunk is never trained, and batch statistics are not updated."""

    title = "Map probe"
    paper = "Ours; the norm of features as a map of the object follows common practice in object discovery."
    idea = (
        "A pretrained network, which is not trained, answers strongly where there is an object: the box encloses the "
        "largest component of places whose features have a large norm. The class comes from a logistic regression on "
        "its pooled features."
    )
    hyperparameters = MapProbeParameters
    frozen_trunk = "pixels"
    largest_image = 384
    enlargement = 1.5
    p: MapProbeParameters

    @classmethod
    def network(cls, parameters: MapProbeParameters) -> Network:
        """Ask for a linear head on features of length one, and boxes from the map of the network's own stride."""
        rule = BoxRule(parameters.map, parameters.threshold, parameters.component)
        return Network(head="normalized-linear", boxes=rule)

    def start_round(self, number: int, pool: Pool) -> None:
        """Fit the regression on the labelled images and copy its coefficients to the head."""
        features, labels = self.labelled_features(pool), pool.labels.cpu().numpy()
        self.set_head(fit_logistic(features, labels, self.num_classes, self.p.C))
