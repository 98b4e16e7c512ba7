"""The queue of huey, in a file or in Redis; its messages are JSON."""

import datetime
import os
import tempfile
from pathlib import Path
from typing import Any

import msgspec
from huey import Huey, RedisHuey, SqliteHuey
from huey.registry import Message
from huey.serializer import Serializer
from huey.storage import BaseStorage

from api.errors import SettingsError
from api.redis_client import open_client
from api.settings import DEFAULT_JOBS_URL, Settings

NAME = "leafpath"
SQLITE = "sqlite:///"
WORK, EXPIRE = "work", "expire"
"""The two kinds of messages."""

MOST_SCHEDULED = 10_000
"""Messages of the schedule that a census reads, those that come due first. Whoever is
to look at a job again does so within seconds, and stands before the day's worth of
messages that forget finished jobs: 200,000 of those took .9 s a scrape, and now .02."""

NOT_OURS = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)
"""What reading raises that another version, or somebody else, has written."""

TIMEOUT_S = 3.0
"""Of Redis. An idle worker waits 1 s for a message, and that is no fault."""


class _Wire(msgspec.Struct, array_like=True, frozen=True):
    """What a message of ours says; of the rest of huey's fields we use none."""

    id: str
    name: str
    eta: datetime.datetime | None
    args: list[str]


class JsonSerializer(Serializer):  # type: ignore[misc]
    """JSON instead of huey's pickle: who can write to the queue must not run code."""

    def _serialize(self, data: Any) -> bytes:
        return msgspec.json.encode(_Wire(data.id, data.name, data.eta, [*data.args]))

    def _deserialize(self, data: bytes) -> Any:
        wire = msgspec.json.decode(data, type=_Wire)
        return Message(wire.id, wire.name, wire.eta, args=wire.args, kwargs={})


def waiting_jobs(storage: BaseStorage) -> list[str]:
    """Return the jobs that a message in the queue or its schedule names, first come
    first; some may have ended since.
    """
    scheduled = storage.scheduled_items(limit=MOST_SCHEDULED)
    messages = [*storage.enqueued_items(), *scheduled]
    # Each once: a dictionary keeps the order.
    return list(dict.fromkeys(filter(None, map(_job_to_work_on, messages))))


def _job_to_work_on(message: bytes) -> str | None:
    """Return the job that a message names; None of one that is not ours, which huey
    puts into the log and drops when its turn comes.
    """
    try:
        wire = msgspec.json.decode(message, type=_Wire)
    except NOT_OURS:
        return None
    return wire.args[0] if wire.name.endswith(f".{WORK}") and wire.args else None


def open_queue(settings: Settings) -> Huey:
    """Open the queue; makes the file, where it is one.

    Raises
    ------
    OSError, sqlite3.Error, redis.RedisError
        It cannot be opened.
    """
    url, options = settings.jobs_url, {"serializer": JsonSerializer(), "results": False}
    if not url.startswith("sqlite:"):
        pool = open_client(url, TIMEOUT_S).connection_pool
        return RedisHuey(NAME, connection_pool=pool, **options)
    path = _own_file(settings) if url == DEFAULT_JOBS_URL else Path(url[len(SQLITE) :])
    return SqliteHuey(NAME, filename=str(path), **options)


def directory_of_jobs(settings: Settings) -> Path:
    """Return where the file of jobs lies, or will lie; LEAFPATH_JOBS_URL is one.

    Raises
    ------
    FileNotFoundError
        It is to lie in TMPDIR, and there is none.
    """
    if settings.jobs_url == DEFAULT_JOBS_URL:
        return Path(tempfile.gettempdir())
    return Path(settings.jobs_url[len(SQLITE) :]).parent


def _own_file(settings: Settings) -> Path:
    """Return a file that no other server of this machine and no other user has."""
    try:
        return own_directory() / f"jobs-{settings.port}.db"
    except SettingsError as error:
        raise SettingsError(f"{error}: set LEAFPATH_JOBS_URL") from None


def own_directory() -> Path:
    """Return this user's directory below TMPDIR, which nobody else can write to.

    Raises
    ------
    OSError, SettingsError
        It cannot be made, or is open to others.
    """
    directory = Path(tempfile.gettempdir()) / f"leafpath-{os.getuid()}"
    directory.mkdir(mode=0o700, exist_ok=True)
    found = directory.stat()
    if found.st_uid != os.getuid() or found.st_mode & 0o077:
        raise SettingsError(f"{directory} is open to others")
    return directory
