"""How gunicorn runs the server. `leafpath serve` uses this file; so can you:

gunicorn --config deploy/gunicorn.conf.py 'api.app:create_app()'
"""

import contextlib
import fcntl
import mmap
import os
import shutil
import sys
import tempfile
from pathlib import Path

from api.errors import SettingsError
from api.settings import process_settings

try:
    settings = process_settings()
except SettingsError as error:
    sys.exit(f"leafpath: {error}")

# The server scales by workers. Threads of the linear algebra library would spin while
# they wait for a busy core: LIME took 25 times the CPU that way on two of them.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
os.environ.setdefault("OMP_NUM_THREADS", "1")

memory = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None

bind = settings.bind
workers = settings.workers
threads = settings.threads
worker_class = "api.server.Worker"
logger_class = "api.server.Logger"

# Every worker loads the models for itself: onnxruntime's threads and sessions do not
# survive a fork, and children that inherit them hang at exit.
preload_app = False

# The heartbeat file must not wait for a disk.
worker_tmp_dir = memory

# The C parser is no quicker here, and [fast] cannot be installed for this version.
http_parser = "python"

# A socket that controls the server is one more door; signals do all that is needed.
control_socket_disable = True

# Of the master's heartbeat: a threaded worker beats while its requests run.
timeout = 60
graceful_timeout = 30
# Longer than the pause between two requests of a proxy that keeps connections open.
keepalive = 30

limit_request_line = 4094
limit_request_fields = 64
limit_request_field_size = 8190

VARIABLE, PREFIX = "PROMETHEUS_MULTIPROC_DIR", "leafpath-metrics-"
GENERATION, BUNDLES_PREFIX = "BUNDLES_GENERATION", "leafpath-bundles-"
OWNER = "owner"

# How a worker ends, as it says itself in the byte that it shares with the master.
NOT_SAID, FAULT, IN_ORDER = range(3)


def _temporary():
    """Return where bundles are copied to: a disk, rather than memory."""
    try:
        return tempfile.gettempdir()
    except FileNotFoundError:  # a read-only root without /tmp
        return memory


def _make_directory(prefix, parent):
    """Make a directory for this server, and remove those of servers that were killed.

    The file OWNER in it is locked for as long as the master or a worker lives.
    """
    directory = tempfile.mkdtemp("", prefix, parent)
    # Never closed here: a fork keeps it, and the kernel lets go of it. It gets its name
    # when it is locked, or another server would take this one for a killed one.
    held = os.open(f"{directory}/new", os.O_CREAT | os.O_WRONLY, 0o600)
    fcntl.flock(held, fcntl.LOCK_SH)
    os.rename(f"{directory}/new", f"{directory}/{OWNER}")
    for left in Path(directory).parent.glob(f"{prefix}*/{OWNER}"):
        with contextlib.suppress(OSError):  # it lives, or is another user's
            if left.parent.lstat().st_uid == os.getuid():
                found = os.open(left, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
                with os.fdopen(found) as stream:
                    fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    shutil.rmtree(left.parent)
    return directory


def on_starting(server):
    """Make the directories that the workers share.

    One keeps the bundles that are served (api/generations.py), the other adds up the
    metrics. prometheus-client reads its variable when it is imported, so nothing here
    imports it before that is set. Not called at HUP: counts outlive a reload.
    """
    if server.cfg.bind != [settings.bind]:
        # Beyond loopback the settings demand keys: they must know of it.
        told = ", ".join(server.cfg.bind)
        sys.exit(
            f"leafpath: gunicorn is told to listen at {told}, and LEAFPATH_BIND is "
            f"{settings.bind}: set LEAFPATH_BIND instead"
        )
    bundles = _make_directory(BUNDLES_PREFIX, _temporary())
    os.environ[GENERATION] = f"{bundles}/1.json"
    if VARIABLE not in os.environ:
        os.environ[VARIABLE] = _make_directory(PREFIX, memory)
    for leftover in Path(os.environ[VARIABLE]).glob("*.db"):
        leftover.unlink()
    # Zeros are told too: Prometheus sees no rise of a series that begins with a one.
    server.deaths = {"killed": 0, "timeout": 0, "fault": 0}
    _tell_deaths(server)


def _tell_deaths(server):
    from api.metric_files import tell_deaths

    try:
        tell_deaths(Path(os.environ[VARIABLE]), server.deaths)
    except Exception:  # would end the master, and with it the server
        server.log.exception("deaths of workers are told with the next one")


def pre_fork(server, worker):
    """Share a byte with the worker, in which it says how it ends."""
    worker.end = mmap.mmap(-1, 1)


def post_fork(server, worker):
    """Give the worker the room in which it counts, or let it count for nobody."""
    from api.metric_files import count_for_nobody, reserve

    try:
        reserve(Path(os.environ[VARIABLE]), worker.pid)
    except OSError:
        message = "no room for metrics: what this worker does is not counted"
        server.log.exception(message)
        count_for_nobody()


def on_reload(server):
    """Let the next workers decide anew what they serve."""
    document = Path(os.environ[GENERATION])
    os.environ[GENERATION] = str(document.with_name(f"{int(document.stem) + 1}.json"))


def post_worker_init(worker):
    """Compute jobs beside requests, where no other process does."""
    worker.jobs = None
    if settings.computes_jobs:
        from api.jobs.worker import start_beside

        worker.jobs = start_beside(worker.wsgi)


def worker_exit(server, worker):
    """Leave what is begun to the workers that stay, and say how this one ends."""
    reason = sys.exc_info()[1]
    if getattr(worker, "jobs", None) is not None:
        from api.jobs.worker import stop_beside

        stop_beside(worker.wsgi, worker.jobs)
    was_told_to = isinstance(reason, SystemExit) and not reason.code
    worker.end[0] = IN_ORDER if was_told_to else FAULT


def child_exit(server, worker):
    """Count how a worker ended, and forget what it said about itself; what it counted
    stays.
    """
    end = worker.end[0]
    if end != IN_ORDER:
        otherwise = "fault" if end == FAULT else "killed"
        server.deaths["timeout" if worker.aborted else otherwise] += 1
    _tell_deaths(server)  # also those for which there was no room before
    from api.metric_files import add_up

    try:
        add_up(Path(os.environ[VARIABLE]), server.WORKERS)
    except Exception:  # would end the master, and with it the server
        server.log.exception("metrics of a dead worker are left for the next time")


def on_exit(server):
    """Remove the directories that are ours."""
    shutil.rmtree(Path(os.environ[GENERATION]).parent, ignore_errors=True)
    directory = Path(os.environ[VARIABLE])
    if directory.name.startswith(PREFIX):
        shutil.rmtree(directory, ignore_errors=True)
