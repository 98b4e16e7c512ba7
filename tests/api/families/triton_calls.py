"""Sequences and pictures by tritonclient, as its users would send them.

Run in the clients' environment: python triton_calls.py PORT < INPUTS, where INPUTS maps
each model to its input tensors. Prints model -> output -> values.
"""

import json
import sys

import numpy as np
import tritonclient.http as triton

OUTPUTS = ("label", "probabilities", "integrated_gradients")


def main():
    client = triton.InferenceServerClient(f"127.0.0.1:{sys.argv[1]}")
    inputs = json.load(sys.stdin)
    print(json.dumps({name: infer(client, name, inputs[name]) for name in inputs}))


def infer(client, model, inputs):
    tensors = []
    for described in client.get_model_metadata(model)["inputs"]:
        name, datatype = described["name"], described["datatype"]
        dtype = {"FP32": np.float32, "INT64": np.int64}[datatype]
        values = np.array(inputs[name], dtype=dtype)
        tensor = triton.InferInput(name, list(values.shape), datatype)
        tensor.set_data_from_numpy(values, binary_data=True)
        tensors.append(tensor)
    outputs = [triton.InferRequestedOutput(name, binary_data=True) for name in OUTPUTS]
    result = client.infer(model, tensors, outputs=outputs)
    values = {name: result.as_numpy(name).tolist() for name in OUTPUTS}
    return values | {"label": [text.decode() for text in values["label"]]}


if __name__ == "__main__":
    main()
