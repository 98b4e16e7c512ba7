import asyncio
import os

import numpy as np
from kserve import InferenceRESTClient, InferInput, InferRequest, RESTConfig
from kserve.protocol.infer_type import RequestedOutput

server = os.environ.get("SERVER", "http://127.0.0.1:8000")


async def main():
    client = InferenceRESTClient(RESTConfig(protocol="v2"))
    cases = np.full((2, 30), 10.0, dtype=np.float32)
    tensor = InferInput("input", list(cases.shape), "FP32")
    tensor.set_data_from_numpy(cases)
    wishes = [
        RequestedOutput("probabilities"),
        RequestedOutput("integrated_gradients", {"target": "benign", "steps": 64}),
    ]
    request = InferRequest("breast-cancer", [tensor], request_outputs=wishes)
    reply = await client.infer(server, request, model_name="breast-cancer")
    for output in reply.outputs:
        print(output.name, output.as_numpy().shape)
    await client.close()


asyncio.run(main())
