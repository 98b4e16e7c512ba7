"""Caps of what requests may ask of a method, as LEAFPATH_CAPS puts them on models."""

from collections.abc import Iterable, Sequence
from dataclasses import replace

import structlog

from api.errors import SettingsError
from api.model_store import ModelStore
from api.served_model import ServedModel
from api.settings import Cap
from explainers.caps import capped
from explainers.errors import ParameterError
from explainers.registry import EXPLAINERS

log = structlog.get_logger()

_Caps = dict[str, dict[str, int]]
"""Method -> parameter -> most."""


def check_caps(caps: Sequence[Cap]) -> None:
    """Hold the caps of each model against the methods.

    Raises
    ------
    SettingsError
        There is no such method or parameter, or it cannot be capped at that.
    """
    for model in {cap.model for cap in caps}:
        for name, most in _caps_of(model, caps).items():
            method = EXPLAINERS.get(name)
            if method is None:
                raise SettingsError(
                    f"LEAFPATH_CAPS: no method {name!r}; there are "
                    f"{', '.join(EXPLAINERS)}"
                )
            try:
                capped(method, most)
            except ParameterError as error:
                raise SettingsError(f"LEAFPATH_CAPS: {error}") from error


def put_on(store: ModelStore, caps: Sequence[Cap]) -> ModelStore:
    """Return the store with the caps on its models.

    Raises
    ------
    SettingsError
        As ``check_caps``.
    """
    check_caps(caps)
    for name in sorted({cap.model for cap in caps if cap.model} - store.models.keys()):
        log.warning("caps of a model that is not served", model=name)
    models = {
        name: _capped(served, _caps_of(name, caps))
        for name, served in store.models.items()
    }
    return replace(store, models=models)


def _capped(served: ServedModel, caps: _Caps) -> ServedModel:
    return ServedModel.of(replace(served.model, caps=caps)) if caps else served


def _caps_of(model: str | None, caps: Iterable[Cap]) -> _Caps:
    """Return the caps of a model: its own, before those of all models."""
    found: _Caps = {}
    for cap in sorted(caps, key=lambda cap: cap.model is not None):
        if cap.model in (None, model):
            found.setdefault(cap.method, {})[cap.parameter] = cap.most
    return found
