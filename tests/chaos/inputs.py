"""Requests that were made up to hurt: no 5xx, no answer beside the document, no NaN."""

import shutil

from tests.api.processes import Server, attack, is_strict_json
from tests.api.test_server import PREDICT, WIRE, body_of
from tests.chaos.figure import Figure
from tests.chaos.site import EXPLAIN, Site

INFER = "/v2/models/breast-cancer/infer"

NUMBERS = (
    "NaN", "-NaN", "Infinity", "-Infinity", "1e999", "-1e999", "1e308", "-1e308",
    "3.4028235e38", "3.5e38", "1e-320", "-0.0", "0x10", "01", "1_0", "1.", ".5", "+1",
    "9" * 400, "9007199254740993", "true", "null", '"1"', '""', '"\\ud800"', "[]", "{}",
    "[1]", "[" * 10_000 + "]" * 10_000,
)  # fmt: skip
"""In place of a value of an instance."""

EXPLANATIONS = (
    '"limee"', "null", "[]", "7", '{"method":"lime","samples":-1}',
    '{"method":"lime","samples":1e999}', '{"method":"lime","samples":99999999999999}',
    '{"method":"lime","kernel_width":NaN}', '{"method":"lime","kernel_width":1e-300}',
    '{"method":"smoothgrad","noise":1e308}', '{"method":"smoothgrad","noise":-1}',
    '{"method":"smoothgrad","seed":-1}', '{"method":"smoothgrad","seed":1e30}',
    '{"method":"integrated_gradients","steps":0}',
    '{"method":"integrated_gradients","target":99}',
    '{"method":"integrated_gradients","target":"' + "x" * 100_000 + '"}',
    '{"method":"integrated_gradients","baseline":"../../etc/passwd"}',
    '{"method":"integrated_gradients","method":"lime"}',
    '{"method":"counterfactual","target":-1}',
)  # fmt: skip

DOCUMENTS = (
    b"", b"{", b"[]", b"null", b"\xff\xfe", b"\xef\xbb\xbf{}", b"[" * 100_000,
    b'{"instances":[]}', b'{"instances":[[]]}', b'{"instances":{}}',
    b'{"instances":[[1]],"instances":[[1]]}', b'{"inputs":[]}', b'{"\\u0000":1}',
    b'{"instances":' + b"[[1]," * 2000 + b"[1]]",
)  # fmt: skip

TENSORS = (
    '"shape":[-1,30],"datatype":"FP32","data":[1]',
    '"shape":[1,9223372036854775807],"datatype":"FP32","data":[1]',
    '"shape":[4294967296,4294967296],"datatype":"FP32","data":[]',
    '"shape":[1,30],"datatype":"BYTES","data":[NaN]',
    '"shape":[1,30],"datatype":"FP16","data":[1e999]',
    '"shape":[1,30],"datatype":"PICKLE","data":[]',
    '"shape":[1,30],"datatype":"FP32","parameters":{"binary_data_size":-1}',
)


def burn(site: Site, *, examples: int) -> list[Figure]:
    """Send what people thought of, and what schemathesis thinks of."""
    alone = site.folder / "alone"  # some routes answer where one model is served
    shutil.copytree(site.bundles / "breast-cancer", alone / "breast-cancer")
    server = site.start(alone)
    answers = _send_documents(server, site.instances[0]) + _send_wire(server)
    violations = _violations(server, examples)
    statuses = [line["status"] for line in server.log_lines() if "status" in line]
    # A deadline of a nanosecond is well-formed, and over at once.
    broken = sum(status >= 500 and status != 504 for status in statuses)
    lax = sum(not is_strict_json(body) for _, body in answers)
    accepted = sum(status < 400 for status, _ in answers)
    return [
        violations,
        Figure(f"5xx of {len(statuses)} answers", broken, 0),
        Figure(f"answers of {len(answers)} that are not strict JSON", lax, 0),
        Figure("answers of 2xx to what is malformed", accepted, len(VALID)),
    ]


VALID = ("3.4028235e38", "1e-320", "-0.0", "9007199254740993")
"""Numbers that are no more than unusual; a prediction of them may be possible."""


def _violations(server: Server, examples: int) -> Figure:
    """Let schemathesis look for answers beside the document, and say what it found."""
    what = "attacks by schemathesis that found something"
    try:
        attack(server, examples)
    except AssertionError as error:
        said = " ".join(str(error).split()).replace("|", "/")
        return Figure(f"{what}: {said[-300:]}", 1, 0)
    return Figure(what, 0, 0)


def _send_documents(server: Server, row: list[float]) -> list[tuple[int, bytes]]:
    rest = ",".join(map(str, row[1:]))
    sent = [(PREDICT, f'{{"instances":[[{number},{rest}]]}}') for number in NUMBERS]
    sent += [
        (EXPLAIN, f'{{"instances":[{row}],"explanations":[{explanation}]}}')
        for explanation in EXPLANATIONS
    ]
    sent += [
        (INFER, f'{{"inputs":[{{"name":"input",{tensor}}}]}}') for tensor in TENSORS
    ]
    bodies = [(path, text.encode()) for path, text in sent]
    bodies += [(p, body) for p in (PREDICT, EXPLAIN, INFER) for body in DOCUMENTS]
    head = {"Content-Type": "application/json"}
    replies = [server.post(path, data=body, headers=head) for path, body in bodies]
    return [(reply.status_code, reply.content) for reply in replies]


def _send_wire(server: Server) -> list[tuple[int, bytes]]:
    answers = []
    for request, _ in WIRE:
        filled = request.replace(b"%s", PREDICT.encode()).replace(b"%%", b"%")
        status, _, body = body_of(server.raw(filled, timeout_s=3))
        answers.append((status, body))
    return answers
