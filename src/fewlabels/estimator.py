"""A scikit-learn classifier of image arrays in which -1 marks unlabelled images."""

import logging
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import torch
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.utils.validation import check_is_fitted

from fewlabels.data.dataset import TRAIN, UNLABELLED, ArrayImages, Dataset, Flip
from fewlabels.errors import UserError
from fewlabels.methods.catalogue import AUTO, load_method
from fewlabels.options import TrainOptions
from fewlabels.run.inputs import model_answers
from fewlabels.run.ledger import read_ledger
from fewlabels.run.saved_model import load_model
from fewlabels.run.train import train
from fewlabels.tasks.task import load_task
from fewlabels.training.machine import pick_device

_log = logging.getLogger("fewlabels")


class FewLabelsClassifier(ClassifierMixin, BaseEstimator):
    """A classifier of images that learns from few labelled and many unlabelled images.

    Every argument is the option of ``fewlabels train`` of that name; None is decided from the data and the device.

    Args:
        method: a name that ``fewlabels methods`` lists, or auto, which chooses one for the data.
        steps: total optimiser steps.
        seed: random seed of the run.
        parameters: hyper-parameters of the method.
        flip: flips that preserve the label: "none", "horizontal" or "both".
        device: cpu, cuda, cuda:N or mps.
        out: the run folder to keep, which must not exist; without it the files of the run are deleted after ``fit``.
        backbone: any timm model, or one of ours.
        weights: imagenet, none, or a .safetensors file.
        batch_size: labelled images in a batch.
        lr: learning rate.
        threads: CPU threads.
        precision: number format, fp32 or bf16; by default the fastest one is measured.
        layout: memory layout, contiguous or channels_last; by default the fastest one is measured.

    Attributes:
        classes_: (K,) the values of ``y`` but the unlabelled mark, sorted.
        transduction_: (N,) a class for every image of ``fit``: the given one, else the model's.
        confidence_: (N,) float64, the model's probability of ``transduction_``.
        image_shape_: (H, W, C) of the images of ``fit``.
        n_features_in_: H * W * C.
    """

    def __init__(
        self, method: str = AUTO, steps: int | None = None, seed: int = 0,
        parameters: dict[str, Any] | None = None, flip: Flip = "none", device: str | None = None,
        out: str | None = None, backbone: str | None = None, weights: str | None = None,
        batch_size: int | None = None, lr: float | None = None, threads: int | None = None,
        precision: str | None = None, layout: str | None = None,
    ) -> None:  # fmt: skip
        self.method = method
        self.steps = steps
        self.seed = seed
        self.parameters = parameters
        self.flip: Flip = flip
        self.device = device
        self.out = out
        self.backbone = backbone
        self.weights = weights
        self.batch_size = batch_size
        self.lr = lr
        self.threads = threads
        self.precision = precision
        self.layout = layout

    def fit(self, X: Any, y: Any) -> "FewLabelsClassifier":
        """Fit the classifier.

        Args:
            X: (N, H, W) or (N, H, W, C) uint8 pixels, C = 1 or 3.
            y: (N,) classes, numbers or text; -1 (the number) or None where there is no label.

        Raises:
            UserError: for arrays of another kind, labels of fewer than two classes, no unlabelled row although the
                method needs some, or an invalid option.
        """
        pixels = _pixels(X)
        classes, labels = _encode(y, len(pixels))
        if self.method != AUTO and load_method(self.method).unlabelled_views and not (labels == UNLABELLED).any():
            raise UserError(f"no row of y is -1, and '{self.method}' learns from unlabelled rows; use 'supervised'")
        dataset = _dataset(pixels, labels, tuple(str(c) for c in classes), self.flip)
        with tempfile.TemporaryDirectory(prefix="fewlabels-") as folder:
            run = train(self._options(self.out or str(Path(folder, "run"))), say=_log.info, dataset=dataset)
            self._saved = load_model(run, pick_device(self.device))
            rows = read_ledger(run / "labels.csv")
        index = {name: k for k, name in enumerate(dataset.classes)}
        self.classes_ = classes
        self.transduction_ = classes[[index[row["label"]] for row in rows]]
        self.confidence_ = np.array([float(row["confidence"]) for row in rows])
        self.image_shape_ = pixels.shape[1:]
        self.n_features_in_ = int(np.prod(self.image_shape_))
        return self

    def predict_proba(self, X: Any) -> np.ndarray:
        """Predict (N, K) float32 probabilities, in the order of ``classes_``, of images shaped as those of ``fit``."""
        check_is_fitted(self, "classes_")
        pixels = _pixels(X)
        if pixels.shape[1:] != self.image_shape_:
            raise UserError(
                f"X holds images of shape {pixels.shape[1:]} but fit saw {self.image_shape_}; resize or convert them"
            )
        dataset = _dataset(pixels, np.full(len(pixels), UNLABELLED), self._saved.classes, self.flip)
        rows, device = torch.arange(len(dataset)), pick_device(self.device)
        return model_answers(load_task(self._saved.task), self._saved, dataset, device, rows).probabilities.numpy()

    def predict(self, X: Any) -> np.ndarray:
        """Predict (N,) the most probable value of ``classes_``."""
        probabilities = self.predict_proba(X)
        return self.classes_[probabilities.argmax(1)]

    def _options(self, out: str) -> TrainOptions:
        """Make options of the arguments, which have the same names."""
        given = {
            **self.get_params(),
            "data": "array",
            "task": "classify",
            "out": out,
            "parameters": self.parameters or {},
        }
        return TrainOptions().replaced(given)


def _pixels(X: Any) -> np.ndarray:
    """Check the images and return them as (N, H, W, C) uint8."""
    pixels = np.asarray(X)
    if pixels.dtype != np.uint8:
        hint = "for pixels from 0 to 1 give (X * 255).round().astype('uint8')"
        raise UserError(f"X holds {pixels.dtype} but pixels are uint8 from 0 to 255; {hint}")
    if pixels.ndim == 3:
        pixels = pixels[..., None]
    if pixels.ndim != 4 or pixels.shape[3] not in (1, 3):
        raise UserError(
            f"X has shape {np.shape(X)} but images are (N, H, W), (N, H, W, 1) or (N, H, W, 3); "
            "X.reshape(-1, H, W) turns rows of pixels, and X.transpose(0, 2, 3, 1) channels-first images, into that"
        )
    if 0 in pixels.shape:
        raise UserError(f"X has shape {np.shape(X)}, which holds no pixel; give at least one image")
    return np.ascontiguousarray(pixels)


def _encode(y: Any, count: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the sorted classes, and for each row its index into them or UNLABELLED."""
    values = np.asarray(y) if isinstance(y, np.ndarray) else np.array(y, dtype=object)
    if values.shape != (count,):
        raise UserError(f"y has shape {values.shape} but X holds {count} images; give one label or -1 for each")
    rows = values.tolist()
    if any(isinstance(v, str) and v == "-1" for v in rows):
        raise UserError("y holds the text '-1', which numpy makes of -1 next to text; use np.array(y, dtype=object)")
    if any(isinstance(v, float) and not v.is_integer() for v in rows):
        raise UserError("y holds numbers that are not whole; classes are whole numbers or text, and -1 is unlabelled")
    known = np.array([v is not None and v != UNLABELLED for v in rows])
    kinds = {isinstance(v, str) for v, k in zip(rows, known, strict=True) if k}
    if len(kinds) > 1:
        raise UserError("y holds both numbers and text; give classes of one kind, and -1 where there is no label")
    given = np.array([v for v, k in zip(rows, known, strict=True) if k])
    classes, found = np.unique(given, return_inverse=True)
    labels = np.full(count, UNLABELLED)
    labels[known] = found
    return classes, labels


def _dataset(pixels: np.ndarray, labels: np.ndarray, classes: tuple[str, ...], flip: Flip) -> Dataset:
    paths = tuple(f"train/{row:06d}" for row in range(len(pixels)))
    splits = np.full(len(pixels), TRAIN, np.int8)
    return Dataset("array", classes, paths, splits, labels.astype(np.int64), ArrayImages(pixels), flip)
