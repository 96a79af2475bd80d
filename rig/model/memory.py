"""Outcomes of functions of states, remembered by what they depend on, so that each is computed once.

A function is called with a state that notes which leaves are read. Its outcome is stored in a tree: a node names the
leaf that is read next, with one branch per value of the leaf. `Forest` follows the trees of many functions at once:
functions that read the same leaf next, and have read the same values so far, share one look-up.
"""

import traceback
from collections.abc import Callable, Iterable
from operator import itemgetter
from typing import Any

from rig.model.compact import Numbers
from rig.model.language import Spec, SpecError
from rig.model.watched import ShapeChanged

Tree = Any  # [place of the leaf, {number of its value: tree}], or an outcome: a tuple; None where nothing is known
NODES_MAX = 1_000_000  # of all trees of an exploration; a node takes about 250 bytes, and as much again in the forest
KEPT_MAX = 8000  # whole outcomes of a forest
WORTH = 6  # how often each of them must be used on average, or no more are kept


class Memory:
    """The room for all outcomes of an exploration."""

    def __init__(self, spec: Spec, log: dict[int, None]) -> None:
        self.spec = spec
        self.log = log  # the places that are read in a watched state
        self.nodes = 0


class Remembered:
    """A function of states whose outcomes are remembered. An outcome is a tuple."""

    def __init__(self, memory: Memory, what: str, call: Callable[[Numbers], tuple[Any, ...]]) -> None:
        self.memory = memory
        self.what = what
        self.call = call
        self.tree: Tree = None
        self.read: set[int] = set()

    def learn(self, numbers: Numbers) -> tuple[Any, ...]:
        """Calls the function, and remembers the outcome as long as there is room."""
        log = self.memory.log
        log.clear()
        try:
            outcome = self.call(numbers)
        except (SpecError, ShapeChanged):
            raise
        except Exception as error:
            problem = f"{self.what} fails{_line(self.memory.spec, error)}: {type(error).__name__}: {error}"
            raise SpecError(f"{self.memory.spec.file}: {problem}") from error
        self.read.update(log)
        if self.memory.nodes < NODES_MAX:
            self._add(list(log), numbers, outcome)
        return outcome

    def _add(self, log: list[int], numbers: Numbers, outcome: tuple[Any, ...]) -> None:
        node, branches, known = self.tree, None, 0
        for place in log:
            if node is None:
                break
            if type(node) is not list or node[0] != place:
                raise self.impure()
            branches, known = node[1], known + 1
            node = branches.get(numbers[place])
        if node is not None:
            raise self.impure()
        made: Tree = outcome
        for place in reversed(log[known:]):
            made = [place, {numbers[place]: made}]
        self.memory.nodes += len(log) - known
        if branches is None:
            self.tree = made
        else:
            branches[numbers[log[known - 1]]] = made

    def impure(self) -> SpecError:
        """What to say of a function that gives two outcomes for the same values."""
        return SpecError(f"{self.memory.spec.file}: {self.what} depends on more than its arguments")


class Forest:
    """The outcomes of many remembered functions. `repeats`: their outcomes are few, so whole outcomes are kept as well."""

    def __init__(self, functions: Iterable[Remembered], repeats: bool = False) -> None:
        self.functions = list(functions)
        self.root: Any = None
        self.repeats = repeats
        self.read: set[int] = set()  # the places that one of the functions has read
        self.gather: Callable[[Numbers], Any] = itemgetter(0)  # the values at all these places
        self.known: dict[Any, list[Any]] = {}  # by these values
        self.width = 0
        self.hits = 0
        for function in self.functions:
            function.read = self.read

    def outcomes(self, numbers: Numbers) -> list[Any]:
        """The outcomes of all of them for a state, in one list. Its order is the same in every process."""
        if self.width and (known := self.known.get(self.gather(numbers))) is not None:
            self.hits += 1
            return known
        found: list[Any] = []
        root = self.root
        if root is None:
            root = self._start(numbers)
        waiting = [root] if root else []
        push = waiting.append
        for ready, groups in waiting:  # it grows meanwhile
            if ready:
                found += ready
            for place, branches, members in groups:
                try:
                    node = branches[numbers[place]]
                except KeyError:
                    node = self._grow(branches, numbers[place], members, numbers)
                if node:
                    push(node)
        if self.repeats and self.read:
            if len(self.known) >= KEPT_MAX:
                self.repeats = self.hits > WORTH * KEPT_MAX
                self.hits = 0
            if len(self.read) != self.width or len(self.known) >= KEPT_MAX:
                self.width = len(self.read) if self.repeats else 0
                self.gather = itemgetter(*sorted(self.read))
                self.known.clear()
            if self.repeats:
                self.known[self.gather(numbers)] = found
        return found

    def _start(self, numbers: Numbers) -> Any:
        known: list[tuple[Remembered, Tree]] = []
        extra: list[Any] = []
        for function in self.functions:
            outcome = function.learn(numbers) if function.tree is None else ()
            if function.tree is None:
                extra += outcome
            else:
                known.append((function, function.tree))
        node = self._node(known)
        if len(known) < len(self.functions):
            return self._with(node, extra)
        self.root = node
        return node

    def _grow(self, branches: dict[int, Any], number: int, members: list[Any], numbers: Numbers) -> Any:
        """What becomes known, and what is to be read next, once a field is known to have the value `number`."""
        known: list[tuple[Remembered, Tree]] = []
        extra: list[Any] = []
        for function, above in members:
            tree = above[1].get(number)
            if tree is None:
                outcome = function.learn(numbers)
                tree = above[1].get(number)
                if tree is None:  # there is no more room, or the outcome must not be remembered
                    extra += outcome
                    continue
            known.append((function, tree))
        node = self._node(known)
        if len(known) < len(members):
            return self._with(node, extra)
        branches[number] = node
        return node

    @staticmethod
    def _with(node: Any, extra: list[Any]) -> Any:
        return ((*node[0], *extra), node[1]) if node else (tuple(extra), ())

    @staticmethod
    def _node(known: list[tuple[Remembered, Tree]]) -> Any:
        ready: list[Any] = []
        groups: dict[int, list[Any]] = {}
        for function, tree in known:
            if type(tree) is list:
                groups.setdefault(tree[0], []).append((function, tree))
            else:
                ready += tree
        return (tuple(ready), tuple([(place, {}, group) for place, group in groups.items()])) if ready or groups else ()


def _line(spec: Spec, error: Exception) -> str:
    """Where in the specification's file it happened."""
    files = {str(path): path.name for path in spec.files}
    own = [frame for frame in traceback.extract_tb(error.__traceback__) if frame.filename in files]
    if not own:
        return ""
    return f" in line {own[-1].lineno}" + (f" of {files[own[-1].filename]}" if len(files) > 1 else "")
