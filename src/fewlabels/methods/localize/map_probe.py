"""Map probe: the class by a regression on features, the box by a map, both of a fixed network."""

from dataclasses import dataclass
from typing import Literal

from fewlabels.methods.class_shares import Shares
from fewlabels.methods.graph_probing import GraphProbeParameters, graph_refit, probe_on_graph
from fewlabels.methods.localizing import LocalizingMethod
from fewlabels.methods.method import Network, Parameters, Pool, Refit, parameter
from fewlabels.methods.probing import ProbingMethod, fit_logistic, linear_refit
from fewlabels.models.maps.box_rule import BoxRule, Component, MapName

CLASS_SIZE = 224
"""Side in pixels at which the class is predicted."""


@dataclass(frozen=True)
class MapProbeParameters(Parameters):
    """The threshold has a fixed default: tuning it on boxes would be training on boxes."""

    map: MapName = parameter("border-distance", "the map whose foreground is the box")
    threshold: float = parameter(
        0.4, "values of the scaled map above this are foreground (docs/papers/baselines.md)", least=0, below=1
    )
    component: Component = parameter(
        "largest", "the box encloses the largest connected component of the foreground, or all of it"
    )
    head: Literal["linear", "graph"] = parameter(
        "linear", "the class comes from the regression of linear-probe, or from that of graph-probe"
    )
    shares: Shares = parameter("auto", "shares of the classes in the pool, for head graph")
    C: float = parameter(10.0, "inverse strength of the L2 penalty of the regression", above=0)


class MapProbe(ProbingMethod, LocalizingMethod):
    """The trunk is never trained, and batch statistics are not updated."""

    title = "Map probe"
    paper = "Ours; maps of a fixed network's features as maps of the object follow common practice in object discovery."
    idea = (
        "The features of a pretrained network, which is not trained, differ between an object and the border of the "
        "image: the box encloses the largest component of places whose features are far from those at the border. The "
        "class comes from a logistic regression on pooled features of the smaller image that the network was made for."
    )
    hyperparameters = MapProbeParameters
    frozen_trunk = "pixels"
    image_size = 448
    p: MapProbeParameters

    @classmethod
    def network(cls, parameters: MapProbeParameters) -> Network:
        """Ask for the head of a probe, and boxes from the map of the network's own stride."""
        rule = BoxRule(parameters.map, parameters.threshold, parameters.component)
        head = "centred-linear" if parameters.head == "graph" else "normalized-linear"
        return Network(head, boxes=rule, class_size=CLASS_SIZE)

    def start_round(self, number: int, pool: Pool) -> None:
        """Fit the regression and copy its coefficients to the head."""
        if self.p.head == "graph":
            return probe_on_graph(self, pool, self._graph_parameters)
        features, labels = self.labelled_features(pool), pool.labels.cpu().numpy()
        return self.set_head(fit_logistic(features, labels, self.num_classes, self.p.C))

    def refit(self, pool: Pool) -> Refit:
        """Fit the regression to some labels."""
        if self.p.head == "graph":
            return graph_refit(self, pool, self._graph_parameters)
        return linear_refit(self, pool, self.p.C)

    @property
    def _graph_parameters(self) -> GraphProbeParameters:
        return GraphProbeParameters(C=self.p.C, shares=self.p.shares)
