"""Finds specifications, their mutants and their rules by the names that a user types."""

import ast
import importlib
import importlib.util
import pkgutil
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

from rig.errors import UsageError, suggestion
from rig.model.language import Mutant, Spec, SpecError
from rig.model.wellformed import check

PACKAGE = "rig.model.specs"
SUFFIX = ".py"


@dataclass(frozen=True)
class Found:
    """A specification and where it comes from: `source` finds it again in another process."""

    spec: Spec
    source: str  # the name of a module or package of rig.model.specs, or the path of a file
    file: Path  # of a package: its `__init__.py`
    rules: tuple[str, ...]  # that its actions ask for


def known_specs() -> list[str]:
    """The names of all modules and packages of rig.model.specs that hold a specification."""
    folder = Path(importlib.import_module(PACKAGE).__path__[0])
    found = []
    for module in pkgutil.iter_modules([str(folder)]):
        file = folder / module.name / f"__init__{SUFFIX}" if module.ispkg else folder / f"{module.name}{SUFFIX}"
        if "SPEC" in assigned(file):
            found.append(module.name)
    return found


def assigned(file: Path) -> set[str]:
    """The names that a module gives at its top level, without running it."""
    try:
        body = ast.parse(file.read_text(encoding="utf-8")).body
    except (OSError, SyntaxError, ValueError):
        return set()
    targets = [target for node in body if isinstance(node, ast.Assign) for target in node.targets]
    targets += [node.target for node in body if isinstance(node, ast.AnnAssign)]
    return {target.id for target in targets if isinstance(target, ast.Name)}


def load(source: str) -> Found:
    """The specification of a module or package of rig.model.specs, or of a file. UsageError when there is none, or it can't be read."""
    file = Path(source)
    try:
        if source.endswith(SUFFIX):
            name = f"specification_{file.stem}"
            given = importlib.util.spec_from_file_location(name, file)
            assert given is not None
            assert given.loader is not None
            module = importlib.util.module_from_spec(given)
            sys.modules[name] = module
            sys.path.insert(0, str(file.resolve().parent))  # what lies beside it, as when Python runs a file
            given.loader.exec_module(module)
        else:
            module = importlib.import_module(f"{PACKAGE}.{source}")
            file = Path(str(module.__file__))
    except FileNotFoundError:
        raise UsageError(f"--spec {source}: there is no such file") from None
    except Exception as error:
        raise UsageError(f"{file} cannot be read as a specification: {type(error).__name__}: {error}") from None
    spec = getattr(module, "SPEC", None)
    if not isinstance(spec, Spec):
        raise UsageError(f"{file} holds no specification: it must assign SPEC = Spec(...)")
    if reason := lacks(spec):
        raise UsageError(reason)
    return Found(spec, source, file, tuple(rules_of(module)))


def lacks(spec: Spec) -> str:
    """What a specification says wrongly of itself, seen without exploring it; '' where nothing is wrong."""
    if "/" in spec.name or not spec.name.strip():
        return f"{spec.file}: the name {spec.name!r} must be a word without '/'"
    for what, given in (("actions", spec.actions), ("invariants", spec.invariants), ("bounds", spec.bounds)):
        if not given:
            return f"{spec.file}: it has no {what}"
    try:
        check(spec)
    except SpecError as error:
        return str(error)
    return ""


def select(words: Sequence[str]) -> list[Found]:
    """The specifications asked for, each once; all of rig.model.specs when none is. UsageError names what there is."""
    known = known_specs()
    chosen: list[str] = []
    for word in (part.strip() for text in words for part in text.split(",")):
        if word.endswith(SUFFIX) or word in known:
            chosen.append(word)
        else:
            raise UsageError(
                f"--spec {word}: there is no such specification{suggestion(word, known)}: {', '.join(known)}"
            )
    if not chosen and not known:
        raise UsageError(f"{PACKAGE} holds no specification yet: name a file with --spec FILE{SUFFIX}")
    return [load(name) for name in dict.fromkeys(chosen or known)]


def rules_of(module: ModuleType) -> list[str]:
    """The rules that a specification's source, a module or a package, asks for by `rules.holds` and `rules.keeps`."""
    parts = [module]
    for part in pkgutil.iter_modules(getattr(module, "__path__", ())):
        parts.append(importlib.import_module(f"{module.__name__}.{part.name}"))
    return list(dict.fromkeys(rule for part in parts for rule in asked_in(part)))


def asked_in(module: ModuleType) -> list[str]:
    """The rules that the source of one module asks for, in the order in which it does."""
    found: list[object] = []
    for node in ast.walk(ast.parse(Path(str(module.__file__)).read_text(encoding="utf-8"))):
        if (
            isinstance(node, ast.Call)
            and isinstance(node.func, ast.Attribute)
            and node.func.attr in ("holds", "keeps")
            and node.args
        ):
            given = node.args[0]
            if isinstance(given, ast.Constant):
                found.append(given.value)
            elif isinstance(given, ast.Name):
                found.append(getattr(module, given.id, None))
    return [rule for rule in found if isinstance(rule, str)]


def select_mutant(name: str, among: Sequence[Found]) -> tuple[Found, Mutant]:
    """A mutant by its name, its finding, or a rule that is dropped. UsageError for none, and for more than one."""
    every: list[tuple[str, Found, Mutant]] = []
    for specification in among:
        for mutant in specification.spec.mutants:
            words = [mutant.name, *(part.strip() for part in mutant.finding.split(","))]
            every += [(word, specification, mutant) for word in words if word]
        named = {mutant.name for mutant in specification.spec.mutants}
        for rule in specification.rules:
            if rule not in named:
                every.append((rule, specification, Mutant(f"without the rule: {rule}", frozenset({rule}), "")))
    same = [(specification, mutant) for word, specification, mutant in every if word.lower() == name.strip().lower()]
    if not same:
        raise UsageError(
            f"--mutant {name!r}: no mutant has this name or finding{suggestion(name, [word for word, *_ in every])};"
            " `rig model --list` lists them"
        )
    if len(same) > 1:
        names = "; ".join(f"{specification.spec.name}: {mutant.name!r}" for specification, mutant in same)
        raise UsageError(f"--mutant {name!r} stands for several, name one of them (and its --spec): {names}")
    return same[0]


def bounded(spec: Spec, given: Mapping[str, int], deep: bool) -> list[dict[str, int]]:
    """The bounds to explore: those of the specification, with what the command line says in their place."""
    chosen: list[dict[str, int]] = []
    for bounds in (*spec.bounds, *(spec.deep if deep else ())):
        changed = {**bounds, **{name: number for name, number in given.items() if name in bounds}}
        if changed not in chosen:
            chosen.append(changed)
    return chosen


def refuse_unused(given: Mapping[str, int], among: Sequence[Found]) -> None:
    """UsageError for a bound that none of the specifications has."""
    for name in given:
        if not any(name in bounds for specification in among for bounds in specification.spec.bounds):
            names = ", ".join(specification.spec.name for specification in among)
            raise UsageError(f"--{name}: no specification that is explored here has this bound ({names})")
