"""How gunicorn runs the server. `leafpath serve` uses this file; so can you:

gunicorn --config deploy/gunicorn.conf.py 'api.app:create_app()'
"""

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


def on_starting(server):
    """Make or empty the directory where the workers add up their metrics.

    prometheus-client reads the variable when it is imported, which therefore happens
    in the workers alone. Not called at HUP, so that counts outlive a reload.
    """
    if VARIABLE not in os.environ:
        os.environ[VARIABLE] = tempfile.mkdtemp("", PREFIX, memory)
    for leftover in Path(os.environ[VARIABLE]).glob("*.db"):
        leftover.unlink()


def child_exit(server, worker):
    """Forget what a dead worker said about itself; what it counted stays."""
    from prometheus_client import multiprocess

    multiprocess.mark_process_dead(worker.pid)


def on_exit(server):
    """Remove the directory, if it was ours."""
    directory = Path(os.environ[VARIABLE])
    if directory.name.startswith(PREFIX):
        shutil.rmtree(directory, ignore_errors=True)
