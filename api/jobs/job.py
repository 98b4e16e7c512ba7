"""What is known of a job: the request, how far it is, and how it ended."""

import time
from dataclasses import dataclass
from typing import Literal, TypeAlias

import msgspec

End: TypeAlias = Literal["done", "failed", "cancelled"]
State: TypeAlias = Literal["queued", "running"] | End


class JobRequest(msgspec.Struct, frozen=True, kw_only=True):
    """What was asked for; never changes.

    Parameters
    ----------
    owner : name of the API key that asked; empty where none are asked for.
    digest : of the bundle that must answer. body : the ExplainRequest as JSON.
    total : explanations asked for. created_at, expires_at : seconds since 1970.
    """

    owner: str
    model: str
    version: str
    digest: str
    body: msgspec.Raw
    total: int
    request_id: str
    created_at: float
    expires_at: float


class Progress(msgspec.Struct, frozen=True, kw_only=True):
    """Written by whoever holds the job, again and again.

    Parameters
    ----------
    done : explanations that are finished. attempts : how often the job was begun.
    held_until : seconds since 1970; past, the holder is dead or there is none.
    """

    done: int = 0
    attempts: int = 0
    held_until: float = 0.0


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """Written once: the end, with the ExplainReply or the Problem as JSON."""

    state: End
    body: msgspec.Raw = msgspec.Raw(b"null")


@dataclass(frozen=True)
class Job:
    """All that is known of one job."""

    id: str
    request: JobRequest
    progress: Progress
    outcome: Outcome | None

    @property
    def state(self) -> State:
        """Where the job stands."""
        if self.outcome is not None:
            return self.outcome.state
        return "running" if self.is_held else "queued"

    @property
    def is_held(self) -> bool:
        """Whether a worker is at it, as far as anybody knows."""
        return time.time() < self.progress.held_until

    @property
    def is_expired(self) -> bool:
        """Whether nobody shall see it any more."""
        return time.time() >= self.request.expires_at
