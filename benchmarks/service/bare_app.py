"""Flask and onnxruntime with nothing checked, as one writes it in five minutes."""

import os
from pathlib import Path

import numpy as np
import onnxruntime
from flask import Flask, jsonify, request
from flask.typing import ResponseReturnValue


def create_app() -> Flask:
    """Build the application after the fork."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    graph = Path(os.environ["BENCHMARK_GRAPH"]).read_bytes()
    session = onnxruntime.InferenceSession(graph, options)
    app = Flask(__name__)

    @app.post("/v1")
    def v1() -> ResponseReturnValue:
        rows = np.array(request.get_json()["instances"], dtype=np.float32)
        _, probabilities = session.run(None, {"input": rows})[:2]
        return jsonify(predictions=probabilities.tolist())

    @app.post("/v2")
    def v2() -> ResponseReturnValue:
        (tensor,) = request.get_json()["inputs"]
        rows = np.array(tensor["data"], dtype=np.float32).reshape(tensor["shape"])
        _, probabilities = session.run(None, {"input": rows})[:2]
        output = {
            "name": "probabilities",
            "datatype": "FP32",
            "shape": probabilities.shape,
            "data": probabilities.ravel().tolist(),
        }
        return jsonify(model_name="m", outputs=[output])

    return app
