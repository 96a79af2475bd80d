"""What `rig serve` takes: variables by flag and by the shell, settings, ports; what cannot be is refused in one line."""

import re
import socket

import pytest

from rig import caller
from rig.errors import UsageError
from rig.runs.manual import options
from rig.runs.manual.options import DEFAULTS, ServeOptions, not_taken


def of(*env: str, config: tuple[str, ...] = (), instances: int = 1, port: int | None = None) -> ServeOptions:
    return ServeOptions.of(instances, port, env, config)


def test_a_flag_beats_the_shell(monkeypatch: pytest.MonkeyPatch) -> None:
    shell = {"GOODBYE_WINDOW_SECONDS": "7", "MITRA_AUTO_OFFLINE_SWEEP_SECONDS": "8", "JWT_SECRET": "x", "HOME": "/"}
    monkeypatch.setattr(caller, "given", lambda: shell)
    assert of("GOODBYE_WINDOW_SECONDS=9").env == {
        "GOODBYE_WINDOW_SECONDS": "9",
        "MITRA_AUTO_OFFLINE_SWEEP_SECONDS": "8",
    }
    assert of("GOODBYE_WINDOW_SECONDS=").env["GOODBYE_WINDOW_SECONDS"] == DEFAULTS["GOODBYE_WINDOW_SECONDS"]
    assert not_taken() == ["JWT_SECRET"]


def test_every_variable_of_the_contract_is_taken_or_the_rigs_own() -> None:
    """The rig sets who a server is and where its stores are; all else is for the user."""
    rigs_own = {
        "APP_ENV", "DATABASE_URL", "VALKEY_URL", "HOST", "PUBLIC_PORT", "INTERNAL_PORT", "JWT_SECRET",
        "INTERNAL_API_TOKEN", "OTP_DEV_CODE",
    }  # fmt: skip
    assert set(caller.CONTRACT) - rigs_own == set(DEFAULTS)


@pytest.mark.parametrize(
    ("env", "config", "said"),
    [
        (("GOODBYE_WINDOW_SECONDS",), (), "--env 'GOODBYE_WINDOW_SECONDS': write NAME=VALUE"),
        (("GOODBYE_SECONDS=1",), (), "--env GOODBYE_SECONDS: no such name; did you mean GOODBYE_WINDOW_SECONDS?"),
        (("X=1",), (), "--env X: no such name; it takes MITRA_AUTO_OFFLINE_SWEEP_SECONDS, "),
        (("GOODBYE_WINDOW_SECONDS=1", "GOODBYE_WINDOW_SECONDS=2"), (), "--env GOODBYE_WINDOW_SECONDS is given twice"),
        ((), ("stale_after_second=2",), "did you mean stale_after_seconds?"),
        ((), ("stale_after_seconds=0",), "--config stale_after_seconds=0: give a whole number from 1 to 1000000"),
        ((), ("stale_after_seconds=2.5",), "give a whole number"),
        ((), ("stale_after_seconds=",), "give a whole number"),
    ],
)
def test_what_cannot_be_is_refused(env: tuple[str, ...], config: tuple[str, ...], said: str) -> None:
    with pytest.raises(UsageError, match=re.escape(said)):
        of(*env, config=config)


def test_ports_are_pairs_and_a_taken_one_is_named() -> None:
    assert [of(instances=2, port=3000).ports(number) for number in (0, 1)] == [(3000, 3001), (3002, 3003)]
    assert of().ports(0) is None
    of().check_ports()
    with pytest.raises(UsageError, match="server b would need port 65536: choose a lower one"):
        of(instances=2, port=65533).check_ports()
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(UsageError, match=rf"--port {port}: port {port} is taken by .*: choose another"):
            of(port=port).check_ports()


def test_the_help_names_what_is_taken() -> None:
    from rig.cli.commands import session

    assert set(re.findall(r"[A-Z_]{6,}", session.VARIABLES)) == set(options.DEFAULTS)
