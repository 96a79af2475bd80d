"""The binder: pytest-bdd finds each scenario of each section here."""

from pytest_bdd import scenarios

scenarios(".")
