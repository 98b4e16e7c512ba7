import os

from leafpath_client import Client
from leafpath_client.api.answers import answers_explain
from leafpath_client.models import (
    ExplainReply,
    ExplainRequest,
    IntegratedGradientsRequest,
    TreePathRequest,
)

client = Client(os.environ.get("SERVER", "http://127.0.0.1:8000"))
request = ExplainRequest(
    instances=[[10.0] * 30],
    explanations=[
        TreePathRequest(method="tree_path"),
        IntegratedGradientsRequest(method="integrated_gradients", steps=64),
    ],
)
reply = answers_explain.sync("breast-cancer", client=client, body=request)
if not isinstance(reply, ExplainReply):
    raise SystemExit(reply.detail)
path, attribution = reply.explanations[0]
print(reply.predictions[0].label, "because", path.rule)
print(type(attribution).__name__, "of", attribution.target)
