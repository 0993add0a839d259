"""Linear probe: a logistic regression on frozen features."""

from fewlabels.methods.method import Pool, Refit
from fewlabels.methods.probing import LinearProbeParameters, ProbingMethod, fit_logistic, linear_refit


class LinearProbe(ProbingMethod):
    """The trunk is never trained, and batch statistics are not updated."""

    title = "Linear probe"
    paper = "Common practice: logistic regression on L2-normalised features of a pretrained network."
    idea = (
        "A pretrained network, which is not trained, maps every image to a feature vector of length one, and a "
        "logistic regression is fitted to the vectors of the labelled images. Unlabelled images are not used."
    )
    hyperparameters = LinearProbeParameters
    p: LinearProbeParameters

    def start_round(self, number: int, pool: Pool) -> None:
        """Fit the regression on the labelled images and copy its coefficients to the head."""
        features, labels = self.labelled_features(pool), pool.labels.cpu().numpy()
        self.set_head(fit_logistic(features, labels, self.num_classes, self.p.C))

    def refit(self, pool: Pool) -> Refit:
        """Fit the regression to some labels."""
        return linear_refit(self, pool, self.p.C)
