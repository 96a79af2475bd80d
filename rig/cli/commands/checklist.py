"""`rig checklist`."""

from typing import Annotated

import typer

from rig.cli.app import subcommand
from rig.cli.options import (
    BaseUrl,
    InternalToken,
    InternalUrl,
    JwtSecret,
    Keep,
    Label,
    Level,
    Mode,
    OtpCode,
    PostgresLog,
    PostgresUrl,
    PostgresWheel,
    RandomSeed,
    ReadyWithin,
    Reports,
    SchemaFile,
    Scratch,
    Strict,
    Sut,
    SutCwd,
    SutEnv,
    SutLog,
    SutPassEnv,
    SutSetup,
    ToxiproxyProxy,
    ToxiproxyUrl,
    ValkeyUrl,
    ValkeyWheel,
)


@subcommand()
def checklist(
    ctx: typer.Context,
    only: Annotated[
        list[str] | None, typer.Option(help="A box (C-07) or section (C); again or comma-separated for more.")
    ] = None,
    cadence: Annotated[str | None, typer.Option(help="fast (default), or written: the source's own numbers.")] = None,
    random_seed: RandomSeed = None,
    workers: Annotated[int | None, typer.Option(help="Stacks to run scenarios on side by side, at most.")] = None,
    keep: Keep = None,
    label: Label = None,
    strict: Strict = None,
    mode: Mode = None,
    postgres_wheel: PostgresWheel = None,
    valkey_wheel: ValkeyWheel = None,
    postgres: PostgresUrl = None,
    valkey: ValkeyUrl = None,
    toxiproxy: ToxiproxyUrl = None,
    scratch: Scratch = None,
    postgres_log: PostgresLog = None,
    sut: Sut = None,
    sut_pass_env: SutPassEnv = None,
    sut_cwd: SutCwd = None,
    sut_setup: SutSetup = None,
    ready_within_s: ReadyWithin = None,
    schema: SchemaFile = None,
    level: Level = None,
    base_url: BaseUrl = None,
    internal_url: InternalUrl = None,
    otp_code: OtpCode = None,
    jwt_secret: JwtSecret = None,
    internal_token: InternalToken = None,
    sut_log: SutLog = None,
    sut_env: SutEnv = None,
    toxiproxy_proxy: ToxiproxyProxy = None,
    reports: Reports = None,
    repeat: Annotated[int, typer.Option(min=1, max=1000, help="Runs in a row, each of another random seed.")] = 1,
) -> None:
    """Answer the checklist, Setup, A to K and Smoke, with evidence; the report's path comes last."""
    from rig.runs.checklist import repeat as repeated
    from rig.runs.checklist import run as runner

    if repeat > 1:
        raise typer.Exit(repeated.run(ctx.obj, only or [], repeat))
    raise typer.Exit(runner.run(ctx.obj, only or []))
