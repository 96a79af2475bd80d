"""docs/openapi.json is what the server's models say of the contract."""

import json

from server.contract_openapi import FILE, NOT_PROMISED, text


def test_the_file_is_that_of_the_models() -> None:
    assert FILE.read_text(encoding="utf-8") == text(), "renew it by `python -m server.contract_openapi`"


def test_it_demands_nothing_that_the_contract_does_not_name() -> None:
    document = json.loads(FILE.read_text(encoding="utf-8"))
    schemas = document["components"]["schemas"]
    assert all(schema.get("additionalProperties") is not False for schema in schemas.values())
    for name, fields in NOT_PROMISED.items():
        assert not {*fields} & schemas[name]["properties"].keys()
    assert "content" not in document["paths"]["/readyz"]["get"]["responses"]["200"]


def test_it_has_each_route_of_the_page_s_tables() -> None:
    document = json.loads(FILE.read_text(encoding="utf-8"))
    page = (FILE.parent / "contract.md").read_text(encoding="utf-8")
    for path in document["paths"]:
        subject = path.rpartition("/")[2].strip("{}")
        assert subject in page, path
    assert len(document["paths"]) == 38
