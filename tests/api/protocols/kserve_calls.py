"""Every call of KServe's InferenceRESTClient, by both protocols, on a real server.

Run in the clients' environment: python kserve_calls.py URL < ROWS. Prints one JSON
object, call -> what the client returned, or {"raised": message}.
"""

import asyncio
import json
import sys

import httpx
import numpy as np
from kserve import InferenceRESTClient, InferInput, InferRequest, RESTConfig
from kserve.protocol.infer_type import RequestedOutput
from kserve.protocol.rest import v2_datamodels as shapes

MODEL = "breast-cancer"
DOCUMENTS = {
    "/v2": shapes.ServerMetadataResponse,
    "/v2/health/live": shapes.ServerLiveResponse,
    "/v2/health/ready": shapes.ServerReadyResponse,
    "/v2/models": shapes.ListModelsResponse,
    f"/v2/models/{MODEL}": shapes.ModelMetadataResponse,
    f"/v2/models/{MODEL}/ready": shapes.ModelReadyResponse,
}
"""The protocol as KServe publishes it, in pydantic."""


async def main():
    url, rows = sys.argv[1], json.load(sys.stdin)
    v1 = InferenceRESTClient(RESTConfig(protocol="v1"))
    v2 = InferenceRESTClient(RESTConfig(protocol="v2"))
    http = httpx.AsyncClient(base_url=url)
    calls = {**first(v1, url, rows), **second(v2, url, rows), **documents(http, rows)}
    results = {name: await attempt(call) for name, call in calls.items()}
    await http.aclose()
    await v1.close()
    await v2.close()
    print(json.dumps(results))


async def attempt(call):
    try:
        result = await call()
    except Exception as error:
        return {"raised": str(error)}
    return as_json(result) if hasattr(result, "outputs") else result


def first(client, url, rows):
    body = {"instances": rows}
    wish = {"instances": rows[:1], "explanations": ["tree_path", "gradient"]}
    return {
        "v1 live": lambda: client.is_server_live(url),
        "v1 model ready": lambda: client.is_model_ready(url, MODEL),
        "v1 infer": lambda: client.infer(url, body, model_name=MODEL),
        "v1 explain": lambda: client.explain(url, MODEL, body),
        "v1 explain by wish": lambda: client.explain(url, MODEL, wish),
        "v1 unknown model": lambda: client.infer(url, body, model_name="nope"),
        "v1 unknown model ready": lambda: client.is_model_ready(url, "nope"),
    }


def second(client, url, rows):
    def request(binary_in, outputs=None, **parameters):
        array = np.array(rows, dtype=np.float32)
        tensor = InferInput("input", list(array.shape), "FP32")
        tensor.set_data_from_numpy(array, binary_data=binary_in)
        return InferRequest(
            MODEL,
            [tensor],
            request_id="seven",
            parameters=parameters,
            request_outputs=[RequestedOutput(name, p) for name, p in outputs or []],
        )

    def infer(*args, model=MODEL, **parameters):
        return client.infer(url, request(*args, **parameters), model_name=model)

    gradient = [("gradient", {"target": "benign", "binary_data": True}), ("label", {})]
    wrong = {"inputs": [{"name": "input", "shape": [1], "datatype": "FP32",
                         "data": [1.0]}]}  # fmt: skip
    return {
        "v2 live": lambda: client.is_server_live(url),
        "v2 ready": lambda: client.is_server_ready(url),
        "v2 model ready": lambda: client.is_model_ready(url, MODEL),
        "v2 unknown model ready": lambda: client.is_model_ready(url, "nope"),
        "v2 json": lambda: infer(False),
        "v2 binary": lambda: infer(True, binary_data_output=True),
        "v2 gradient": lambda: infer(True, gradient),
        "v2 unknown model": lambda: infer(False, model="nope"),
        "v2 wrong shape": lambda: client.infer(url, wrong, model_name=MODEL),
    }


def documents(http, rows):
    shape = [len(rows), len(rows[0])]
    tensor = {"name": "input", "shape": shape, "datatype": "FP32", "data": rows}
    body = {"id": "seven", "inputs": [tensor]}

    def read(kind, path, **options):
        async def call():
            reply = await http.request(url=path, **options)
            return kind.model_validate_json(reply.content, strict=True).model_dump()

        return call

    found = {path: read(kind, path, method="GET") for path, kind in DOCUMENTS.items()}
    for action in ("infer", "explain"):
        path = f"/v2/models/{MODEL}/{action}"
        found[path] = read(shapes.InferenceResponse, path, method="POST", json=body)
    return found


def as_json(reply):
    return {
        "id": reply.id,
        "model": reply.model_name,
        "parameters": reply.parameters,
        "values": {output.name: values(output) for output in reply.outputs},
    }


def values(output):
    array = output.as_numpy()
    if output.datatype == "BYTES":
        return [t.decode() if isinstance(t, bytes) else t for t in array.tolist()]
    return array.tolist()


if __name__ == "__main__":
    asyncio.run(main())
