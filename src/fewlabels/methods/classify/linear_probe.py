"""Linear probe: a logistic regression on frozen features, what an expert tries first."""

from dataclasses import dataclass

import numpy as np
import torch

from fewlabels.methods.method import Batch, Losses, Method, Network, Parameters, Pool, parameter


@dataclass(frozen=True)
class LinearProbeParameters(Parameters):
    """One parameter of scikit-learn's LogisticRegression; its own default, 1, underfits vectors of length one."""

    C: float = parameter(10.0, "inverse strength of the L2 penalty", above=0)


class LinearProbe(Method):
    """The trunk is never trained; batch statistics do not move."""

    title = "Linear probe"
    paper = "Common practice: logistic regression on L2-normalised features of a pretrained network."
    idea = (
        "The pretrained network stays as it is and turns every image into a vector of length one; a logistic "
        "regression is fitted to the labelled vectors. The unlabelled images are not used."
    )
    hyperparameters = LinearProbeParameters
    trains = False
    statistics_passes = 0
    p: LinearProbeParameters

    @classmethod
    def network(cls, parameters: LinearProbeParameters) -> Network:
        """A head that scales features to length one."""
        return Network(head="normalized-linear")

    def start_round(self, number: int, pool: Pool) -> None:
        """Fit the regression on the labelled images and put its coefficients into the head."""
        from sklearn.linear_model import LogisticRegression

        features = torch.nn.functional.normalize(pool.features(self.model, pool.labelled_rows), dim=1).cpu().numpy()
        fit = LogisticRegression(C=self.p.C, max_iter=2000).fit(features.astype(np.float64), pool.labels.cpu().numpy())
        weight, bias = torch.from_numpy(fit.coef_), torch.from_numpy(fit.intercept_)
        if len(fit.classes_) == 2:  # scikit-learn keeps one row for two classes: the log-odds of the second
            weight, bias = torch.cat([-weight / 2, weight / 2]), torch.cat([-bias / 2, bias / 2])
        head, known = self.model.networks()[0].head, torch.from_numpy(fit.classes_)
        assert isinstance(head, torch.nn.Linear)
        with torch.no_grad():
            head.weight[known.to(head.weight.device)] = weight.to(head.weight)
            head.bias[known.to(head.weight.device)] = bias.to(head.bias)

    def losses(self, batch: Batch) -> Losses:
        """Never called: everything is done before step 0."""
        raise AssertionError("the linear probe has no steps")
