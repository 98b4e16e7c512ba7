"""Sequences that ship inside packages, or are generated."""

from collections.abc import Callable

from trainer.data.hmm import signal_and_noise
from trainer.data.packaged import read_packaged
from trainer.data.raw import RawSequences
from trainer.data.ts_format import parse_ts

_AEON = "1.6.0"


def _aeon(name: str, channels: tuple[str, ...] = ()) -> RawSequences:
    """Read a data set of aeon, its two files together.

    The archive divides them into training and test files; we divide all rows anew, so
    figures are not comparable with those on the archive's test file.
    """
    values, labels = [], []
    for part in ("TRAIN", "TEST"):
        path = f"datasets/data/{name}/{name}_{part}.ts"
        some, texts = parse_ts(read_packaged("aeon", path, _AEON))
        values += some
        labels += texts
    return RawSequences(values, labels, channels)


SEQUENCES: dict[str, Callable[[], RawSequences]] = {
    "signal_and_noise": signal_and_noise,
    "japanese_vowels": lambda: _aeon(
        "JapaneseVowels", tuple(f"cepstrum {i}" for i in range(1, 13))
    ),
    "basic_motions": lambda: _aeon(
        "BasicMotions",
        tuple(
            f"{sensor} {axis}"
            for sensor in ("accelerometer", "gyroscope")
            for axis in "xyz"
        ),
    ),
}
"""Data set by the name that [data] ``named`` takes."""
