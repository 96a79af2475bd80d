"""`python -m server.contract_openapi`: writes docs/openapi.json, which describes what the contract demands of any server.

It is made from the declarations of this server's routes and models, without what only this server has: an answer may hold
more fields than those of the document.
"""

import json
import sys
from pathlib import Path
from typing import Any

from server.app import App
from server.config import Settings
from server.openapi import document

FILE = Path(__file__).resolve().parents[1] / "docs" / "openapi.json"
TITLE = "Chat backend: the contract"
DESCRIPTION = "What docs/contract.md demands of the answers of both listeners. An answer may hold more fields than are named here."
LISTENERS = {
    "public": ("http://127.0.0.1:3000", "PUBLIC_PORT, for the apps"),
    "internal": ("http://127.0.0.1:3001", "INTERNAL_PORT, for the control center"),
}
# Fields of this server's answers that the contract does not name, by model.
NOT_PROMISED = {"ChatRequest": ("customer_id", "offered_at"), "AuthProvider": ("name", "roles")}
# Routes of whose answers the contract names nothing but the status.
FREE = ("/healthz", "/readyz")
# The contract allows pages of this list, and demands none.
OPTIONAL_QUERY = "/internal/mitras"


def contract_document() -> dict[str, Any]:
    """The document as plain JSON: the routes of both listeners, each with the address of its own."""
    settings = {"APP_ENV": "test", "DATABASE_URL": "postgresql://127.0.0.1/none", "VALKEY_URL": "redis://127.0.0.1"}
    described = App(Settings.from_env(settings)).described
    whole: dict[str, Any] = {
        "openapi": "3.1.0",
        "info": {"title": TITLE, "version": "1", "description": DESCRIPTION},
        "paths": {},
        "components": {"schemas": {}, "securitySchemes": {}},
    }
    for name, (url, what) in LISTENERS.items():
        part = document(TITLE, DESCRIPTION, described[name])
        for path, operations in part["paths"].items():
            whole["paths"][path] = {"servers": [{"url": url, "description": what}], **operations}
        for kind in ("schemas", "securitySchemes"):
            whole["components"][kind] |= part["components"][kind]
    as_promised(whole)
    return whole


def as_promised(whole: dict[str, Any]) -> None:
    """Take out what the contract does not demand."""
    for name, schema in whole["components"]["schemas"].items():
        if schema.get("additionalProperties") is False:
            del schema["additionalProperties"]
        for field in NOT_PROMISED.get(name, ()):
            del schema["properties"][field]
            schema["required"].remove(field)
    for path in FREE:
        for answer in whole["paths"][path]["get"]["responses"].values():
            answer.pop("content", None)
    for name in ("Health", "Readiness"):
        del whole["components"]["schemas"][name]
    listing = whole["paths"][OPTIONAL_QUERY]["get"]
    del listing["parameters"], listing["responses"]["400"]


def text() -> str:
    """The content of the file."""
    return json.dumps(contract_document(), indent=1, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    target = Path(sys.argv[1]) if len(sys.argv) > 1 else FILE
    target.write_text(text(), encoding="utf-8")
