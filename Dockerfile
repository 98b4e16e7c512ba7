# syntax=docker/dockerfile:1
# Targets: `serve` (default; no torch) and `train`.

# Name it by digest for builds that can be repeated: --build-arg PYTHON=python@sha256:...
ARG PYTHON=python:3.11-slim-bookworm

FROM ${PYTHON} AS base
ENV PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    PIP_NO_CACHE_DIR=1 \
    PIP_DISABLE_PIP_VERSION_CHECK=1
RUN groupadd --gid 10001 leafpath \
    && useradd --uid 10001 --gid 10001 --no-create-home --no-log-init leafpath
WORKDIR /app

FROM base AS build
COPY pyproject.toml constraints.txt README.md leafpath.py ./
COPY api api
COPY bulk bulk
COPY deploy/gunicorn.conf.py deploy/
COPY explainers explainers
COPY trainer trainer
RUN python -m venv /venv && /venv/bin/pip install --constraint constraints.txt '.[sign]'

FROM build AS build-train
RUN /venv/bin/pip install --constraint constraints.txt '.[sign,train]'

FROM base AS train
COPY --from=build-train /venv /venv
# Libraries keep caches in the home directory.
ENV PATH=/venv/bin:$PATH \
    HOME=/tmp
USER 10001:10001
WORKDIR /work
ENTRYPOINT ["leafpath", "train"]

FROM base AS serve
COPY --from=build /venv /venv
COPY deploy/entrypoint.sh /
# Bundles are mounted read-only; the root file system may be read-only too: worker
# heartbeats and metrics go to memory, copies of bundles to /tmp (a tmpfs, an emptyDir).
ENV PATH=/venv/bin:$PATH \
    CREDENTIALS_DIRECTORY=/run/leafpath \
    LEAFPATH_BUNDLES=/bundles \
    LEAFPATH_BIND=0.0.0.0:8000 \
    TMPDIR=/tmp
# A number, so that Kubernetes can see that it is not root.
USER 10001:10001
VOLUME ["/bundles"]
EXPOSE 8000
HEALTHCHECK --interval=10s --timeout=3s --start-period=20s \
    CMD ["python", "-c", "import urllib.request as u; u.urlopen('http://127.0.0.1:8000/v2/health/ready', timeout=2)"]
ENTRYPOINT ["sh", "/entrypoint.sh"]
CMD ["serve"]
