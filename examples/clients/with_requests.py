import os

import requests

server = os.environ.get("SERVER", "http://127.0.0.1:8000")
model = f"{server}/v1/models/breast-cancer"

features = requests.get(model, timeout=5).json()["inputs"]["features"]
case = {f["name"]: (f["minimum"] + f["maximum"]) / 2 for f in features}

body = {
    "instances": [case],
    "explanations": ["tree_path", {"method": "integrated_gradients", "steps": 64}],
}
reply = requests.post(f"{model}:explain", json=body, timeout=5)
if not reply.ok:
    raise SystemExit(reply.json()["detail"])  # which value, and what is allowed

answer = reply.json()
path, attribution = answer["explanations"][0]
print(answer["predictions"][0]["label"], "because", path["rule"])
print("the tree speaks for the network here:", path["agrees"])
by_name = zip((f["name"] for f in features), attribution["attributions"], strict=True)
for name, value in sorted(by_name, key=lambda pair: -abs(pair[1]))[:3]:
    print(f"{name}: {value:+.2f}")
