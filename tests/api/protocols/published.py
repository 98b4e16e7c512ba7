"""The shapes that the protocol and Triton's extensions publish, as JSON Schemas.

Written from the facts of kserve/open-inference-protocol (open_inference_rest.yaml) and
triton-inference-server/server (docs/protocol), independent of what the server says of
itself in /openapi.json.
"""

TEXT = {"type": "string"}
COUNT = {"type": "integer", "minimum": 0}


def an_object(required, **optional):
    """An object with members of which the first are required; others are allowed."""
    return {"type": "object", "required": list(required),
            "properties": required | optional}  # fmt: skip


def a_list(items):
    return {"type": "array", "items": items}


SCALAR = {"type": ["string", "number", "boolean"]}
PARAMETERS = {"type": "object", "additionalProperties": SCALAR}
SHAPE = a_list({"type": "integer"})
TENSOR = an_object({"name": TEXT, "datatype": TEXT, "shape": SHAPE})
DATA = a_list({"type": ["number", "string", "boolean", "array"]})

ERROR = an_object({"error": TEXT}) | {"additionalProperties": False}
SERVER = an_object({"name": TEXT, "version": TEXT, "extensions": a_list(TEXT)})
MODEL = an_object(
    {"name": TEXT, "platform": TEXT},
    versions=a_list(TEXT),
    inputs=a_list(TENSOR),
    outputs=a_list(TENSOR),
)
OUTPUT = an_object(
    {"name": TEXT, "datatype": TEXT, "shape": SHAPE}, parameters=PARAMETERS, data=DATA
) | {
    # Either the data, or how many bytes of it follow.
    "oneOf": [
        {"required": ["data"]},
        {
            "required": ["parameters"],
            "properties": {"parameters": an_object({"binary_data_size": COUNT})},
        },
    ]
}
INFERENCE = an_object(
    {"model_name": TEXT, "outputs": a_list(OUTPUT)},
    model_version=TEXT,
    id=TEXT,
    parameters=PARAMETERS,
)

DURATION = an_object({"count": COUNT, "ns": COUNT})
STATISTICS = an_object(
    {
        "model_stats": a_list(
            an_object(
                {
                    "name": TEXT,
                    "last_inference": COUNT,
                    "inference_count": COUNT,
                    "execution_count": COUNT,
                    "inference_stats": an_object(
                        dict.fromkeys(
                            ["success", "fail", "queue", "compute_input",
                             "compute_infer", "compute_output"], DURATION,
                        )
                    ),
                    "batch_stats": a_list({"type": "object"}),
                },
                version=TEXT,
            )
        )
    }
)  # fmt: skip
INDEX = a_list(an_object({"name": TEXT, "state": TEXT, "reason": TEXT}, version=TEXT))
