"""The network behind LitServe: python litserve_app.py PORT."""

import os
import sys

import litserve
import numpy as np
import onnxruntime


class Network(litserve.LitAPI):
    def setup(self, device):
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        self.session = onnxruntime.InferenceSession(
            os.environ["BENCHMARK_GRAPH"], options
        )

    def decode_request(self, request):
        return np.array(request["instances"], dtype=np.float32)

    def predict(self, rows):
        return self.session.run(None, {"input": rows})[1]

    def encode_response(self, probabilities):
        return {"predictions": probabilities.tolist()}


if __name__ == "__main__":
    server = litserve.LitServer(Network(), accelerator="cpu", workers_per_device=1)
    server.run(port=int(sys.argv[1]), generate_client_file=False, log_level="error")
