"""A plugin of the features' process that leaves out the variant in which Valkey is cut off."""

import pytest


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    items[:] = [item for item in items if "[cut off]" not in item.name]
