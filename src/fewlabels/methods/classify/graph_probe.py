"""Graph probe: a logistic regression on soft labels that agree with a graph of nearest neighbours."""

from fewlabels.methods.graph_probing import GraphProbeParameters, graph_refit, probe_on_graph
from fewlabels.methods.method import Pool, Refit
from fewlabels.methods.probing import ProbingMethod


class GraphProbe(ProbingMethod):
    """The trunk is never trained, and batch statistics are not updated."""

    title = "Graph probe"
    paper = (
        "Ours: Zhou et al., Learning with Local and Global Consistency, NIPS 2003, with a logistic regression and "
        "balanced classes."
    )
    idea = (
        "A pretrained network, which is not trained, maps every image to a feature vector, and the labels spread over "
        "the graph of nearest neighbours. A logistic regression is fitted to soft labels on which graph and regression "
        "agree, balanced over the classes, so that new images can be classified, too."
    )
    hyperparameters = GraphProbeParameters
    p: GraphProbeParameters

    def start_round(self, number: int, pool: Pool) -> None:
        """Build the graph, fit the regression, and set the head."""
        probe_on_graph(self, pool, self.p)

    def refit(self, pool: Pool) -> Refit:
        """Fit the regression to some labels on the same graph."""
        return graph_refit(self, pool, self.p)
