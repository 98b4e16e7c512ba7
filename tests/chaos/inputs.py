"""Requests that were made up to hurt: no 5xx, no answer beside the document, no NaN."""

import re
import shutil
from collections.abc import Collection, Iterator
from dataclasses import dataclass

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


@dataclass(frozen=True)
class Answer:
    """What came for one request.

    Parameters
    ----------
    sent : which request that was: the operation, and what it was asked with.
    """

    sent: tuple[str, str]
    status: int
    body: bytes


VALID = {
    ("predict", number)
    for number in ("3.4028235e38", "1e-320", "-0.0", "9007199254740993")
}
"""What is no more than unusual, and has an answer."""


def burn(site: Site, *, examples: int) -> list[Figure]:
    """Send what people thought of, and what schemathesis thinks of."""
    alone = site.folder / "alone"  # some routes answer where one model is served
    shutil.copytree(site.bundles / "breast-cancer", alone / "breast-cancer")
    server = site.start(alone)
    answers = [*_send_documents(server, site.instances[0]), *_send_wire(server)]
    violations = _violations(server, examples)
    statuses = [line["status"] for line in server.log_lines() if "status" in line]
    # A deadline of a nanosecond is well-formed, and over at once.
    broken = sum(status >= 500 and status != 504 for status in statuses)
    lax = [answer.sent for answer in answers if not is_strict_json(answer.body)]
    accepted = {answer.sent for answer in answers if answer.status < 400}
    return [
        violations,
        Figure(f"5xx of {len(statuses)} answers", broken, 0),
        named(f"answers of {len(answers)} that are not strict JSON", lax),
        named("malformed requests that are answered", accepted - VALID),
        named("well-formed ones that are refused", VALID - accepted),
    ]


def named(what: str, sent: Collection[tuple[str, str]]) -> Figure:
    """How many there are; none is allowed, and the first ones are named."""
    which = ", ".join(
        f"{operation} {text}"[:60] for operation, text in sorted(sent)[:3]
    )
    told = f"{what}: {which}".replace("|", "/") if sent else what
    return Figure(told, len(sent), 0)


def _violations(server: Server, examples: int) -> Figure:
    """Let schemathesis look for answers beside the document, and say what it found."""
    what = "attacks by schemathesis that found something"
    try:
        attack(server, examples)
    except AssertionError as error:
        found = re.findall(r"^- ([A-Z][^|\n]+?):?$", str(error), re.MULTILINE)
        said = ", ".join(dict.fromkeys(found)) or " ".join(str(error).split())[:120]
        return Figure(f"{what}: {said or error!r}".replace("|", "/"), 1, 0)
    return Figure(what, 0, 0)


def _send_documents(server: Server, row: list[float]) -> Iterator[Answer]:
    """Send JSON that is none, or not of the documented shape, and NUMBERS."""
    rest = ",".join(map(str, row[1:]))
    sent = [
        (PREDICT, number, f'{{"instances":[[{number},{rest}]]}}') for number in NUMBERS
    ]
    sent += [
        (EXPLAIN, wish, f'{{"instances":[{row}],"explanations":[{wish}]}}')
        for wish in EXPLANATIONS
    ]
    sent += [
        (INFER, tensor, f'{{"inputs":[{{"name":"input",{tensor}}}]}}')
        for tensor in TENSORS
    ]
    too_far = ",".join(["3e38"] * len(row))  # each is finite, and nothing else is
    sent += [
        (path, "3e38 throughout", f'{{"instances":[[{too_far}]]}}')
        for path in (PREDICT, EXPLAIN)
    ]
    bodies = [(path, name, text.encode()) for path, name, text in sent]
    bodies += [
        (path, repr(body), body)
        for path in (PREDICT, EXPLAIN, INFER)
        for body in DOCUMENTS
    ]
    head = {"Content-Type": "application/json"}
    for path, name, body in bodies:
        reply = server.post(path, data=body, headers=head)
        operation = path.replace(":", "/").rpartition("/")[2]
        yield Answer((operation, name), reply.status_code, reply.content)


def _send_wire(server: Server) -> Iterator[Answer]:
    """Send bytes that are no HTTP, or none that is meant."""
    for request, _ in WIRE:
        filled = request.replace(b"%s", PREDICT.encode()).replace(b"%%", b"%")
        status, _, body = body_of(server.raw(filled, timeout_s=3))
        yield Answer(("wire", repr(filled)), status, body)
