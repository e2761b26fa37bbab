"""Checks with pydantic what a person wrote in a file or in the environment, by the types and bounds in ``values``.

It is imported only if something was written.
"""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final, Self, get_type_hints

from msgspec import NODEFAULT, Struct
from msgspec.structs import fields
from pydantic import BaseModel, ConfigDict, Field, create_model, field_validator, model_validator
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from otel_agent.settings.values import DURATION, BudgetNoticeSettings, BudgetSettings, OtlpSettings, Settings

PREFIX: Final = "OTEL_AGENT_"


def settings_from(given: Mapping[str, Any]) -> Settings:
    """Return the settings: variables of ours win over what is given, and that wins over the defaults.

    Raises pydantic's ``ValidationError``, which names every field that is unknown or has a wrong value.
    """
    found = _MODEL(**given)
    own = {name: getattr(found, name) for name in Settings.__struct_fields__}
    tables = {
        "otlp": _plain(OtlpSettings, own["otlp"]),
        "budget": tuple(_plain(BudgetSettings, one) for one in own["budget"]),
        "budget_notice": _plain(BudgetNoticeSettings, own["budget_notice"]),
    }
    return Settings(**own | tables)


def _plain(of: type[Struct], found: object) -> Struct:
    """Return what pydantic found in a table as our own value."""
    return of(**{name: getattr(found, name) for name in of.__struct_fields__})


class _Otlp(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    @field_validator("*", mode="after")
    @classmethod
    def _expanded(cls, value: object) -> object:
        return _expanded(value)


class _Budget(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    @model_validator(mode="after")
    def _one_amount(self) -> Self:
        if (self.tokens is None) == (self.cost_usd is None):  # type: ignore[attr-defined]
            raise ValueError("a budget needs either tokens or cost_usd")
        return self


class _BudgetNotice(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    @field_validator("command", check_fields=False)
    @classmethod
    def _names_a_program(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        # Neither can be given to a program, and the notice would fail each time.
        if value and (not value[0].strip() or any("\0" in word for word in value)):
            raise ValueError("must begin with the name of a program")
        return value


class _All(BaseSettings):
    model_config = SettingsConfigDict(
        env_prefix=PREFIX,
        env_ignore_empty=True,
        enable_decoding=False,
        frozen=True,
        extra="forbid",
        allow_inf_nan=False,
    )

    @field_validator("data_dirs", mode="before", check_fields=False)
    @classmethod
    def _split_folders(cls, value: object) -> object:
        # In a variable the folders are one text, as in PATH; in the file they are a list.
        return tuple(part for part in value.split(os.pathsep) if part) if isinstance(value, str) else value

    @field_validator("backfill", check_fields=False)
    @classmethod
    def _known_backfill(cls, value: str) -> str:
        if value not in ("all", "none") and not DURATION.fullmatch(value):
            raise ValueError("must be all, none, or a duration such as 36h, 7d or 4w")
        return value

    @field_validator("*", mode="after")
    @classmethod
    def _expanded(cls, value: object) -> object:
        return tuple(map(_expanded, value)) if isinstance(value, tuple) else _expanded(value)

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Let the environment win over what is passed in; pydantic asks for the order."""
        return env_settings, init_settings


def _expanded(value: object) -> object:
    """Resolve ``~`` and ``~user`` in a path: no shell does so for a settings file or a service's environment."""
    if not isinstance(value, Path):
        return value
    try:
        return value.expanduser()
    except RuntimeError:
        raise ValueError(f"no such user: {value.parts[0]}") from None


def _fields(of: type[Struct]) -> dict[str, Any]:
    """Return each field's type with its bounds, and its default, as ``create_model`` takes them."""
    types = get_type_hints(of, include_extras=True)
    return {
        each.name: (
            types[each.name],
            Field(default_factory=each.default_factory) if each.default is NODEFAULT else each.default,
        )
        for each in fields(of)
    }


_OTLP: Final = create_model("OtlpSettings", __base__=_Otlp, **_fields(OtlpSettings))
_BUDGET: Final = create_model("BudgetSettings", __base__=_Budget, **_fields(BudgetSettings))
_NOTICE: Final = create_model("BudgetNoticeSettings", __base__=_BudgetNotice, **_fields(BudgetNoticeSettings))
_TABLES: Final[dict[str, Any]] = {
    "otlp": (_OTLP, _OTLP()),
    "budget": (tuple[_BUDGET, ...], ()),
    "budget_notice": (_NOTICE, _NOTICE()),
}
_MODEL: Final = create_model("Settings", __base__=_All, **(_fields(Settings) | _TABLES))
