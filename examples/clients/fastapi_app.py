"""An asynchronous service in front of Leafpath: uvicorn fastapi_app:app."""

import contextlib
import os

import httpx
from fastapi import FastAPI, HTTPException
from pydantic import BaseModel

SERVER = os.environ.get("SERVER", "http://127.0.0.1:8000")


class Verdict(BaseModel):
    """What the caller gets."""

    label: str
    rule: str
    agrees: bool
    fidelity: float
    warnings: list[str]
    digest: str


@contextlib.asynccontextmanager
async def lifespan(app: FastAPI):
    """Keep one pool of connections for the life of the process."""
    async with httpx.AsyncClient(base_url=SERVER, timeout=5) as client:
        app.state.client = client
        yield


app = FastAPI(lifespan=lifespan)


@app.post("/verdict")
async def verdict(case: dict[str, float]) -> Verdict:
    """Explain one case, {feature: value}."""
    body = {"instances": [case]}
    reply = await app.state.client.post("/v1/models/breast-cancer:explain", json=body)
    if reply.status_code == 422:
        raise HTTPException(422, reply.json()["errors"])
    reply.raise_for_status()
    answer = reply.json()
    path = answer["explanations"][0][0]
    return Verdict(
        label=answer["predictions"][0]["label"],
        rule=path["rule"],
        agrees=path["agrees"],
        fidelity=path["fidelity"],
        warnings=[warning["problem"] for warning in answer["warnings"]],
        digest=answer["model"]["digest"],
    )
