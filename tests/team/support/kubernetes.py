"""Kubernetes objects: rendered by the real kustomize, and checked against schemas that say no to what they do not know."""

from __future__ import annotations

import os
import subprocess
import warnings
from functools import cache
from pathlib import Path
from typing import Any

import jsonschema
import yaml

from scripts.real_programs import table
from tests.support.real_programs import COLLECTOR, absent, require

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # its own imports warn
    import kubernetes_validate

VERSIONS = ("1.30.0", "1.37.0")
"""A version that clusters still run, and a newer one."""
COMPONENTS = sorted(
    str(path.parent.relative_to(COLLECTOR))
    for path in COLLECTOR.rglob("kustomization.yaml")
    if "kind: Component" in path.read_text(encoding="utf-8")
)
"""What may be added to the gateway, as `components:` names it."""

CHECKOUT = "CHECKOUT"
"""It stands for the path of `collector/` in an overlay."""

Object = dict[str, Any]


def with_components(folder: Path, *components: str) -> list[Object]:
    """Return the objects of the gateway with these components."""
    overlay = {
        "apiVersion": "kustomize.config.k8s.io/v1beta1",
        "kind": "Kustomization",
        "resources": [CHECKOUT],
        "components": [f"{CHECKOUT}/{name}" for name in components],
    }
    return render(folder, yaml.safe_dump(overlay))


def render(folder: Path, overlay: str, *, checkout: str = CHECKOUT) -> list[Object]:
    """Return the objects of an overlay, which is written to `folder`. `checkout` stands for `collector/` in it."""
    folder.mkdir()
    # kustomize takes no absolute path.
    text = overlay.replace(checkout, os.path.relpath(COLLECTOR, folder.resolve()))
    (folder / "kustomization.yaml").write_text(text, encoding="utf-8")
    command: list[str | Path] = [require("kustomize") / "kustomize", "build", folder]
    built = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (built.returncode, built.stderr) == (0, "")
    return list(yaml.load_all(built.stdout, yaml.CSafeLoader))


def check(thing: Object) -> None:
    """Raise if an object does not fit the schema of its kind: Kubernetes' own, or an operator's."""
    group = thing["apiVersion"].partition("/")[0]
    if group in ("monitoring.coreos.com", "cert-manager.io"):
        jsonschema.Draft7Validator(custom_schema(thing["kind"])).validate(thing)
        return
    for version in VERSIONS:
        kubernetes_validate.validate(thing, version, strict=True)


@cache
def custom_schema(kind: str) -> Object:
    """Return the schema of an operator's kind. Skip the test if the definitions are not here."""
    for program in table.named("custom-resources"):
        path = program.found()
        if path is None:
            absent(f"custom-resources {program.version} is not here: run `make custom-resources`")
        definition = yaml.load(path.read_text(encoding="utf-8"), yaml.CSafeLoader)
        if definition["spec"]["names"]["kind"] == kind:
            (version,) = (each for each in definition["spec"]["versions"] if each["storage"])
            found: Object = closed(version["schema"]["openAPIV3Schema"])
            found["properties"]["metadata"] = {"type": "object"}
            return found
    raise AssertionError(f"no definition of {kind}")


def closed(schema: Any) -> Any:
    """Return a schema that rejects unknown properties: a cluster drops those without a word."""
    if isinstance(schema, list):
        return [closed(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    made = {key: closed(value) for key, value in schema.items()}
    if isinstance(schema.get("properties"), dict) and not schema.get("x-kubernetes-preserve-unknown-fields"):
        made.setdefault("additionalProperties", False)
    if schema.get("x-kubernetes-int-or-string"):
        # `type` is missing there, and `pattern` holds for texts only.
        made.pop("anyOf", None)
        made["type"] = ["integer", "string"]
    return made


def named(objects: list[Object], kind: str, name: str) -> Object:
    """Return the object of a kind and name. The suffix that kustomize adds to a ConfigMap's name is no part of it."""
    (found,) = (
        each
        for each in objects
        if each["kind"] == kind
        and (each["metadata"]["name"].rpartition("-")[0] if kind == "ConfigMap" else each["metadata"]["name"]) == name
    )
    return found


def pods(objects: list[Object]) -> list[Object]:
    """Return the specification of each pod that these objects start."""
    return [each["spec"]["template"]["spec"] for each in objects if "template" in each.get("spec", {})]
