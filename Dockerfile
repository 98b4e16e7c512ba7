# syntax=docker/dockerfile:1
# Targets: `serve` (default; no torch) and `train`.

FROM python:3.11-slim-bookworm AS base
ENV PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    PIP_NO_CACHE_DIR=1 \
    PIP_DISABLE_PIP_VERSION_CHECK=1
RUN useradd --system --uid 10001 --user-group --no-create-home leafpath
WORKDIR /app

FROM base AS build
COPY pyproject.toml constraints.txt README.md leafpath.py ./
COPY api api
COPY bulk bulk
COPY deploy deploy
COPY explainers explainers
COPY trainer trainer
RUN python -m venv /venv && /venv/bin/pip install --constraint constraints.txt .

FROM build AS build-train
RUN /venv/bin/pip install --constraint constraints.txt '.[train]'

FROM base AS train
COPY --from=build-train /venv /venv
ENV PATH=/venv/bin:$PATH
USER leafpath
WORKDIR /work
ENTRYPOINT ["leafpath", "train"]

FROM base AS serve
COPY --from=build /venv /venv
# Bundles are mounted read-only; the root file system may be read-only too: worker
# heartbeats and metrics go to memory (--tmpfs /tmp or an emptyDir in memory).
ENV PATH=/venv/bin:$PATH \
    LEAFPATH_BUNDLES=/bundles \
    LEAFPATH_BIND=0.0.0.0:8000 \
    TMPDIR=/tmp
USER leafpath
VOLUME ["/bundles"]
EXPOSE 8000
HEALTHCHECK --interval=10s --timeout=3s --start-period=20s \
    CMD ["python", "-c", "import urllib.request as u; u.urlopen('http://127.0.0.1:8000/v2/health/ready', timeout=2)"]
ENTRYPOINT ["leafpath", "serve"]
