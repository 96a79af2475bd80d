"""`rig audit`: the drift report of a running installation."""

from pathlib import Path
from typing import Annotated

import typer

from rig.cli.app import subcommand

STORES = "The stores of the installation"
OUTPUT = "What is printed and kept"
LIMITS = "Limits"

Explain = Annotated[
    bool, typer.Option("--explain", help="Print what an audit would cost both stores, and audit nothing.")
]
Grants = Annotated[bool, typer.Option("--grants", help="Print the least SQL role and Valkey user that an audit needs.")]
Again = Annotated[
    Path | None,
    typer.Option(help="Look only at the differences in this file: a state file, or the output of --json."),
]
Watch = Annotated[
    float | None, typer.Option(help="Audit again after this many seconds, until Ctrl-C or SIGTERM.", min=1)
]
PostgresPassword = Annotated[
    Path | None, typer.Option(help="File with the password of the Postgres role.", rich_help_panel=STORES)
]
ValkeyPassword = Annotated[
    Path | None, typer.Option(help="File with the password of the Valkey user.", rich_help_panel=STORES)
]
AllowedKeys = Annotated[
    list[str] | None,
    typer.Option(
        metavar="<str>",
        help="Pattern of keys of a known neighbour, such as `cache:*`. Repeat it for more.",
        rich_help_panel=STORES,
    ),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print the report as JSON, for a script.", rich_help_panel=OUTPUT)]
Prometheus = Annotated[
    Path | None, typer.Option(help="Write metrics to this file, for node_exporter.", rich_help_panel=OUTPUT)
]
State = Annotated[
    Path | None,
    typer.Option(
        help="File that keeps the watermark. Default: audit-state.json in the directory of reports.",
        rich_help_panel=OUTPUT,
    ),
]
Logs = Annotated[
    list[Path] | None,
    typer.Option(
        metavar="<path>",
        help="Log of a server, to look for causes. Repeat it for more.",
        rich_help_panel=OUTPUT,
    ),
]
Share = Annotated[
    float,
    typer.Option(help="Percent of Valkey's time that the audit may take.", min=0.1, max=100, rich_help_panel=LIMITS),
]
KeysMax = Annotated[
    int, typer.Option(help="Refuse a Valkey with more keys that are not the mirror's.", min=0, rich_help_panel=LIMITS)
]
GapMax = Annotated[
    float,
    typer.Option(
        help="Seconds between two audits, beyond which the watermark starts anew.", min=1, rich_help_panel=LIMITS
    ),
]


@subcommand()
def audit(
    ctx: typer.Context,
    explained: Explain = False,
    granted: Grants = False,
    again: Again = None,
    watch: Watch = None,
    postgres_password_file: PostgresPassword = None,
    valkey_password_file: ValkeyPassword = None,
    allow_keys: AllowedKeys = None,
    as_json: AsJson = False,
    prometheus: Prometheus = None,
    state: State = None,
    log: Logs = None,
    share: Share = 2.0,
    keys_max: KeysMax = 1_000_000,
    gap_max: GapMax = 7200.0,
) -> None:
    """Compare the mirror of a running installation with its Postgres. It only reads, a little at a time.

    The exit code is 0 for no drift, 1 for drift, 2 if it could not tell, 4 for a usage error.
    """
    from rig.runs.audit import command as runner
    from rig.runs.audit.options import AuditRequest

    if granted:
        raise typer.Exit(runner.print_grants(ctx.obj))
    request = AuditRequest(
        typed=tuple(name for name in ("postgres", "valkey") if ctx.params.get(name) is not None),
        password_files=(postgres_password_file, valkey_password_file), share=share / 100, keys_max=keys_max,
        allowed=tuple(allow_keys or ()), logs=tuple(log or ()), state=state, gap_max_s=gap_max,
    )  # fmt: skip
    if explained:
        raise typer.Exit(runner.explain(ctx.obj, request))
    if watch is not None:
        raise typer.Exit(runner.watch(ctx.obj, request, watch, as_json, prometheus))
    raise typer.Exit(runner.once(ctx.obj, request, again, as_json, prometheus))
