import os

import numpy as np
import tritonclient.http as triton

server = os.environ.get("SERVER", "http://127.0.0.1:8000")
client = triton.InferenceServerClient(server.removeprefix("http://"))

cases = np.full((100, 30), 10.0, dtype=np.float32)
tensor = triton.InferInput("input", list(cases.shape), "FP32")
tensor.set_data_from_numpy(cases)
names = ("label", "leaf", "agrees", "gradient")
outputs = [triton.InferRequestedOutput(name) for name in names]
result = client.infer("breast-cancer", [tensor], outputs=outputs)

print(result.as_numpy("label")[0].decode(), "in leaf", result.as_numpy("leaf")[0])
print(f"the tree agrees on {result.as_numpy('agrees').mean():.0%} of the cases")
print("gradients:", result.as_numpy("gradient").shape)
