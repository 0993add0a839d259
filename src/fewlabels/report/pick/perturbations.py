"""Images before and after a method's adversarial perturbation, as in the student report's Fig. 5."""

from dataclasses import replace

import torch

from fewlabels.models.classifier import Classifier
from fewlabels.models.inference import evaluating, probabilities
from fewlabels.randomness import Draws, key_of
from fewlabels.report.content.classify import Perturbed
from fewlabels.report.draw.thumbnail import thumbnail
from fewlabels.report.pick.gallery import ImagePicker, fixed_sample, test_or_train

MOST = 6


def perturbed(gallery: ImagePicker, model: Classifier) -> list[Perturbed]:
    """Return a few images; none if the method perturbs nothing, or perturbs features instead of images."""
    experiment = gallery.experiment
    rows = fixed_sample(test_or_train(experiment.dataset), MOST)
    if not len(rows) or not experiment.trunk.gives_pixels:
        return []
    x = torch.cat(list(experiment.images.plain(rows)))
    with evaluating(model):
        moved = experiment.method.perturbed(model, x, Draws(key_of("perturbed"), torch.arange(len(x))))
    if moved is None:
        return []
    moved = moved.detach()
    lengths = (moved - x).flatten(1).norm(dim=1).tolist()
    confidence, guess = probabilities(model, [moved]).max(1)
    pixels = experiment.images.to_input.inverse(moved).permute(0, 2, 3, 1).cpu().numpy()
    classes = experiment.dataset.classes
    before = gallery.examples(rows.tolist())
    return [
        Perturbed(
            example,
            replace(example, image=thumbnail(pixels[i]), label=classes[int(guess[i])], confidence=float(confidence[i])),
            lengths[i],
        )
        for i, example in enumerate(before)
    ]
