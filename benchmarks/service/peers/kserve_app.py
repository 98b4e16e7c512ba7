"""The network as a model of KServe's Python server: python kserve_app.py PORT."""

import os
import sys

import kserve
import numpy as np
import onnxruntime
from kserve import InferOutput, InferRequest, InferResponse


class Network(kserve.Model):
    def load(self):
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        self.session = onnxruntime.InferenceSession(
            os.environ["BENCHMARK_GRAPH"], options
        )
        self.ready = True
        return True

    async def predict(self, payload, headers=None, response_headers=None):
        if not isinstance(payload, InferRequest):
            rows = np.array(payload["instances"], dtype=np.float32)
            return {"predictions": self.session.run(None, {"input": rows})[1].tolist()}
        rows = payload.inputs[0].as_numpy()
        probabilities = self.session.run(None, {"input": rows})[1]
        output = InferOutput("probabilities", list(probabilities.shape), "FP32")
        output.set_data_from_numpy(probabilities, binary_data=False)
        return InferResponse(payload.id, self.name, [output])


if __name__ == "__main__":
    model = Network("m")
    model.load()
    kserve.ModelServer(http_port=int(sys.argv[1]), enable_grpc=False).start([model])
