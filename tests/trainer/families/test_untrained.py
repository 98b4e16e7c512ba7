"""Networks that came trained: `epochs = 0` keeps them as they are."""

import warnings
from pathlib import Path

import numpy as np
import torch

from explainers.loading import open_model
from trainer.config import parse_config
from trainer.errors import TrainingWarning
from trainer.export.write import write_model
from trainer.pipeline import train

HERE = Path(__file__).parent


def test_zero_epochs_serve_the_factory_s_weights_uncalibrated(tmp_path, case_of):
    case_of("own")  # its directory can be imported from
    config = parse_config(
        {
            "name": "kept",
            "data": "own_networks:few_digits",
            "model": "own_networks:pooled",
            "train": {"epochs": 0, "seed": 3},
        }
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", TrainingWarning)
        trained = train(config, HERE)
        write_model(trained, tmp_path / "kept")
    from own_networks import pooled

    with torch.random.fork_rng():
        torch.manual_seed(3)
        spread = trained.prepared.family.channels.spread.astype(np.float32)
        spec = type("Spec", (), {"spread": spread, "shape": (1, 8, 8), "n_classes": 3})
        factory = pooled(spec).eval()
    inputs = trained.prepared.family.inputs(np.arange(20))[0]
    with torch.no_grad():
        expected = torch.softmax(factory(torch.from_numpy(inputs)), 1).numpy()
    served = open_model(tmp_path / "kept").predict(inputs)
    np.testing.assert_allclose(served.probabilities, expected, atol=1e-6)
    assert set(trained.metrics.controls) == {"cart"}
