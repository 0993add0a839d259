"""Linear probe: a logistic regression on frozen features."""

import torch

from fewlabels.methods.method import Pool
from fewlabels.methods.probing import LinearProbeParameters, ProbingMethod


class LinearProbe(ProbingMethod):
    """The trunk is never trained, and batch statistics are not updated."""

    title = "Linear probe"
    paper = "Common practice: logistic regression on L2-normalised features of a pretrained network."
    idea = (
        "A pretrained network, which is not trained, maps every image to a feature vector of length one, and a "
        "logistic regression is fitted to the vectors of the labelled images. Unlabelled images are not used."
    )
    p: LinearProbeParameters

    def start_round(self, number: int, pool: Pool) -> None:
        """Fit the regression on the labelled images and copy its coefficients to the head."""
        fit = self.regression().fit(self.features(pool, pool.labelled_rows), pool.labels.cpu().numpy())
        weight, bias = torch.from_numpy(fit.coef_), torch.from_numpy(fit.intercept_)
        if len(fit.classes_) == 2:  # scikit-learn keeps one row for two classes: the log-odds of the second
            weight, bias = torch.cat([-weight / 2, weight / 2]), torch.cat([-bias / 2, bias / 2])
        head, known = self.model.networks()[0].head, torch.from_numpy(fit.classes_)
        assert isinstance(head, torch.nn.Linear)
        with torch.no_grad():
            head.weight[known.to(head.weight.device)] = weight.to(head.weight)
            head.bias[known.to(head.weight.device)] = bias.to(head.bias)
