"""Names are listed, completed and suggested; help is plain text where it is piped."""

import re

import pytest

from rig.checks import load_checks
from rig.checks.checklist.wording import WORDING
from rig.cli import completion
from rig.record.sections import SECTIONS
from tests.support.command_lines import COMMANDS
from tests.support.stack_support import rig

BOX = re.compile("[─│╭╰]")


def test_each_item_has_the_wording_of_the_checklist() -> None:
    checks = load_checks()
    assert {id for id in checks if checks[id].section in SECTIONS} == WORDING.keys()
    assert WORDING["C-07"] == "[M] Mitra app's next heartbeat → backend returns `403 ACCOUNT_INACTIVE`"


def test_the_items_are_listed_one_per_line() -> None:
    done = rig("checklist", "--list", "--only", "setup,A")
    lines = [line.split("\t") for line in done.stdout.splitlines()]
    assert (done.returncode, [line[0] for line in lines][5:8]) == (0, ["SETUP-06", "A-01", "A-02"])
    assert all(len(line) == 3 and line[2] == WORDING[line[0]] for line in lines)


@pytest.mark.parametrize("words", [[], ["checklist"], ["vk"]])
def test_short_help_is_the_same_plain_text(words: list[str]) -> None:
    long, short = (rig(*words, flag, COLUMNS="80") for flag in ("--help", "-h"))
    assert (short.returncode, short.stdout) == (0, long.stdout)
    assert not BOX.search(short.stdout)


def test_piped_help_has_one_line_per_option() -> None:
    lines = rig("checklist", "--help", COLUMNS="80").stdout.splitlines()
    for one in COMMANDS["checklist"].params:
        assert any(max(one.opts, key=len) in line and one.help in line for line in lines), one.name


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["checklst"], "No such command 'checklst' (did you mean 'checklist'?): see `rig --help`"),
        (["checklist", "--onyl", "C"], "No such option: --onyl (did you mean '--only'?): see `rig checklist --help`"),
        (["checklist", "--only", "C07"], "(did you mean 'C-07'?): `rig checklist --list` lists them"),
        (["checklist", "--only", "setp"], "(did you mean 'SETUP'?)"),
        (["checklist", "--level", "contrct"], "(did you mean 'contract'?)"),
        (["chaos", "hnag"], "(did you mean 'hang'?): `rig chaos --list` lists them"),
        (["chaos", "--fault", "valkey kiled"], "(did you mean 'valkey killed'?): `rig chaos --list-faults` lists them"),
        (["chaos", "--profile", "ful"], "(did you mean 'full'?)"),
        (["chaos", "matrix", "--class", "silnce"], "(did you mean 'silence'?)"),
        (["model", "--spec", "swep"], "(did you mean 'sweep'?)"),
        (["load", "--storm-shape", "sqare"], "(did you mean 'square'?)"),
        (["server", "restrat"], "(did you mean 'restart'?): see `rig server --help`"),
        (["recheck"], "Missing argument 'run': see `rig recheck --help`"),
    ],
)
def test_a_mistyped_name_is_one_line_with_the_nearest_name(words: list[str], told: str) -> None:
    done = rig(*words)
    assert (done.returncode, done.stdout, len(done.stderr.splitlines())) == (4, "", 1), done.stderr
    assert told in done.stderr


@pytest.mark.parametrize(
    ("typed", "completed"),
    [
        ("rig checkl", "checklist"),
        ("rig checklist --only C-0", "C-07"),
        ("rig checklist --only A,SM", "A,SMOKE"),
        ("rig chaos han", "hang"),
        ("rig chaos --fault valk", "valkey killed"),
        ("rig checklist --level h", "hardened"),
        ("rig model --spec sw", "sweep"),
    ],
)
def test_a_shell_completes_names(typed: str, completed: str) -> None:
    done = rig(_RIG_COMPLETE="complete_bash", COMP_WORDS=typed, COMP_CWORD=str(len(typed.split()) - 1))
    assert completed in done.stdout.splitlines(), done.stdout + done.stderr


def test_what_cannot_be_listed_is_not_completed() -> None:
    def broken() -> list[completion.Word]:
        raise OSError("no directory")

    assert completion.completed(broken)("a") == []
