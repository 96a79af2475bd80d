"""The binder: pytest-bdd finds each scenario of each section here."""

from pathlib import Path

from pytest_bdd import scenarios

scenarios(".", features_base_dir=str(Path(__file__).parent))  # whatever directory pytest takes for its root
