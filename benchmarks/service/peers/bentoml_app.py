"""The network as a BentoML service: bentoml serve bentoml_app:Network."""

import os

import bentoml
import numpy as np
import onnxruntime


@bentoml.service(workers=1)
class Network:
    def __init__(self):
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        self.session = onnxruntime.InferenceSession(
            os.environ["BENCHMARK_GRAPH"], options
        )

    @bentoml.api
    def predict(self, instances: list[list[float]]) -> list[list[float]]:
        rows = np.array(instances, dtype=np.float32)
        return self.session.run(None, {"input": rows})[1].tolist()
