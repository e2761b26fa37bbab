"""Checks with pydantic what a person wrote in a file or in the environment, by the types and bounds in ``values``.

It is imported only if ``ordinary`` refuses something, and to say what is wrong with it.
"""

import os
from collections.abc import Mapping
from functools import reduce
from operator import or_
from pathlib import Path
from types import UnionType
from typing import Annotated, Any, Final, Self, Union, get_args, get_origin, get_type_hints

from msgspec import NODEFAULT, Meta, Struct
from msgspec.structs import fields
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, create_model, field_validator, model_validator

from otel_agent.settings.rules import expanded, known_backfill, names_a_program, one_amount, plain_number
from otel_agent.settings.values import BudgetNoticeSettings, BudgetSettings, OtlpSettings, Settings


def settings_from(given: Mapping[str, Any]) -> Settings:
    """Return the settings: what is given wins over the defaults.

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


class _Table(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    @field_validator("*", mode="after")
    @classmethod
    def _expanded(cls, value: object) -> object:
        return tuple(map(_expanded, value)) if isinstance(value, tuple) else _expanded(value)


class _Budget(_Table):
    @model_validator(mode="after")
    def _one_amount(self) -> Self:
        one_amount(self.tokens, self.cost_usd)  # type: ignore[attr-defined]
        return self


class _BudgetNotice(_Table):
    @field_validator("command", check_fields=False)
    @classmethod
    def _names_a_program(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        return names_a_program(value)


class _All(_Table):
    @field_validator("data_dirs", mode="before", check_fields=False)
    @classmethod
    def _split_folders(cls, value: object) -> object:
        # In a variable the folders are one text, as in PATH; in the file they are a list.
        return tuple(part for part in value.split(os.pathsep) if part) if isinstance(value, str) else value

    @field_validator("backfill", check_fields=False)
    @classmethod
    def _known_backfill(cls, value: str) -> str:
        return known_backfill(value)


def _plain_number(value: object) -> object:
    return plain_number(value) if isinstance(value, str) else value


def _expanded(value: object) -> object:
    return expanded(value) if isinstance(value, Path) else value


def _fields(of: type[Struct]) -> dict[str, Any]:
    """Return each field's type with its bounds, and its default, as ``create_model`` takes them."""
    types = get_type_hints(of, include_extras=True)
    return {
        each.name: (
            _with_bounds(types[each.name]),
            Field(default_factory=each.default_factory) if each.default is NODEFAULT else each.default,
        )
        for each in fields(of)
    }


def _with_bounds(of: Any) -> Any:
    """Return a type whose bounds pydantic understands; in ``values`` they are msgspec's."""
    if get_origin(of) is Annotated:
        kind, *metas = get_args(of)
        bounds: list[Any] = [Field(gt=each.gt, ge=each.ge, le=each.le) for each in metas if isinstance(each, Meta)]
        return Annotated[kind, BeforeValidator(_plain_number), *bounds]
    parts = tuple(map(_with_bounds, get_args(of)))
    if get_origin(of) is tuple:
        return tuple[parts]  # type: ignore[valid-type]
    return reduce(or_, parts) if get_origin(of) in (Union, UnionType) else of


_OTLP: Final = create_model("OtlpSettings", __base__=_Table, **_fields(OtlpSettings))
_BUDGET: Final = create_model("BudgetSettings", __base__=_Budget, **_fields(BudgetSettings))
_NOTICE: Final = create_model("BudgetNoticeSettings", __base__=_BudgetNotice, **_fields(BudgetNoticeSettings))
_TABLES: Final[dict[str, Any]] = {
    "otlp": (_OTLP, _OTLP()),
    "budget": (tuple[_BUDGET, ...], ()),
    "budget_notice": (_NOTICE, _NOTICE()),
}
_MODEL: Final = create_model("Settings", __base__=_All, **(_fields(Settings) | _TABLES))
