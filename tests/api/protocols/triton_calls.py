"""Every call of tritonclient's HTTP client, made by itself against a real server.

Run in the clients' environment: python triton_calls.py PORT < ROWS. Prints one JSON
object, call -> what the client returned, or {"raised": message, "status": ...}.
"""

import json
import sys

import ml_dtypes
import numpy as np
import tritonclient.http as triton
from tritonclient.utils import InferenceServerException

MODEL, VERSION = "breast-cancer", "1"
DTYPES = {
    "FP64": np.float64, "FP32": np.float32, "FP16": np.float16,
    "BF16": ml_dtypes.bfloat16,
}  # fmt: skip
FACTS = ("label", "probabilities", "logits", "leaf", "agrees")


def main():
    rows = np.array(json.load(sys.stdin), dtype=np.float32)
    client = triton.InferenceServerClient(f"127.0.0.1:{sys.argv[1]}", concurrency=2)
    calls = {**about(client), **inferences(client, rows), **refused(client, rows)}
    print(json.dumps({name: attempt(call) for name, call in calls.items()}))


def attempt(call):
    try:
        return call()
    except InferenceServerException as error:
        return {"raised": error.message(), "status": error.status()}


def about(client):
    return {
        "live": client.is_server_live,
        "ready": client.is_server_ready,
        "model ready": lambda: client.is_model_ready(MODEL),
        "version ready": lambda: client.is_model_ready(MODEL, VERSION),
        "unknown model ready": lambda: client.is_model_ready("nope"),
        "unknown version ready": lambda: client.is_model_ready(MODEL, "9"),
        "server metadata": client.get_server_metadata,
        "model metadata": lambda: client.get_model_metadata(MODEL),
        "version metadata": lambda: client.get_model_metadata(MODEL, VERSION),
        "config": lambda: client.get_model_config(MODEL),
        "version config": lambda: client.get_model_config(MODEL, VERSION),
        "statistics": client.get_inference_statistics,
        "model statistics": lambda: client.get_inference_statistics(MODEL),
        "version statistics": lambda: client.get_inference_statistics(MODEL, VERSION),
        "repository index": client.get_model_repository_index,
    }


def inferences(client, rows):
    def infer(binary_in=True, outputs=None, datatype="FP32", **options):
        values = rows.astype(DTYPES[datatype])
        tensor = triton.InferInput("input", list(rows.shape), datatype)
        tensor.set_data_from_numpy(values, binary_data=binary_in)
        result = client.infer(MODEL, [tensor], outputs=outputs, **options)
        return as_json(result)

    def every(binary):
        return [triton.InferRequestedOutput(n, binary_data=binary) for n in FACTS]

    def in_background():
        tensor = triton.InferInput("input", list(rows.shape), "FP32")
        tensor.set_data_from_numpy(rows)
        return as_json(client.async_infer(MODEL, [tensor]).get_result())

    def by_feature():
        names = client.get_model_metadata("mixed")["inputs"]
        values = {
            "age": np.float32([30, np.nan]),
            "colour": np.array(["red", "blue"], dtype=np.object_),
        }
        tensors = []
        for described in names:
            tensor = triton.InferInput(described["name"], [2], described["datatype"])
            tensor.set_data_from_numpy(values[described["name"]])
            tensors.append(tensor)
        return as_json(client.infer("mixed", tensors))

    def explained():
        wish = triton.InferRequestedOutput("integrated_gradients", binary_data=True)
        wish._parameters |= {"steps": 64, "target": "benign"}
        path = triton.InferRequestedOutput("tree_path", binary_data=True)
        return infer(outputs=[wish, path])

    return {
        "binary both ways": infer,
        "json both ways": lambda: infer(False, every(False)),
        "json in, binary out": lambda: infer(False, every(True)),
        "binary in, json out": lambda: infer(True, every(False)),
        "double precision": lambda: infer(datatype="FP64"),
        "half precision": lambda: infer(datatype="FP16"),
        "bfloat16": lambda: infer(datatype="BF16"),
        "gzip": lambda: infer(request_compression_algorithm="gzip"),
        "deflate": lambda: infer(request_compression_algorithm="deflate"),
        "gzip both ways": lambda: infer(
            request_compression_algorithm="gzip",
            response_compression_algorithm="gzip",
        ),
        "json gzip": lambda: infer(
            False, every(False), request_compression_algorithm="gzip"
        ),
        "version": lambda: infer(model_version=VERSION),
        "id": lambda: infer(request_id="request 7"),
        "one output": lambda: infer(outputs=every(True)[:1]),
        "priority and timeout": lambda: infer(priority=1, timeout=1_000_000),
        "async": in_background,
        "by feature": by_feature,
        "explained": explained,
    }


def refused(client, rows):
    def infer(shape=None, datatype="FP32", name="input", output="label", model=MODEL):
        tensor = triton.InferInput(name, list(rows.shape), datatype)
        tensor.set_data_from_numpy(rows)
        if shape:
            tensor.set_shape(shape)
        wish = triton.InferRequestedOutput(output)
        return as_json(client.infer(model, [tensor], outputs=[wish]))

    return {
        "load": lambda: client.load_model(MODEL),
        "unload": lambda: client.unload_model(MODEL),
        "unknown model": lambda: infer(model="nope"),
        "unknown output": lambda: infer(output="nope"),
        "unknown input": lambda: infer(name="nope"),
        "wrong shape": lambda: infer(shape=[1, 7]),
        "no metadata": lambda: client.get_model_metadata("nope"),
        "no version": lambda: client.get_model_metadata(MODEL, "9"),
        "trace settings": client.get_trace_settings,
        "log settings": client.get_log_settings,
        "shared memory": client.get_system_shared_memory_status,
        "cuda shared memory": client.get_cuda_shared_memory_status,
        "register memory": lambda: client.register_system_shared_memory("a", "/a", 1),
    }


def as_json(result):
    reply = result.get_response()
    values = {}
    for output in reply["outputs"]:
        array = result.as_numpy(output["name"])
        if array.dtype == np.object_:
            array = np.array(
                [text.decode() if isinstance(text, bytes) else text for text in array]
            )
        values[output["name"]] = array.tolist()
    return {"reply": reply, "values": values}


if __name__ == "__main__":
    main()
