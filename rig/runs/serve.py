"""`rig serve`: servers on a stack with demo people in it, until Ctrl-C, to try and debug by hand."""

import time
from pathlib import Path

from rich.console import Console
from typer import echo

from rig.config import Settings
from rig.environment.running_stacks import announce, announced
from rig.environment.stack_spec import mapped_schema, stack_spec
from rig.fixtures import Fixtures, Row, Schema, drop_views, make_views
from rig.stack import ServerInstance, Stack, Supervisor, open_stack
from rig.stack.spec import DEFAULT_SUT
from rig.traffic import mint

TOKEN_LIFETIME_S = 12 * 3600
LOOK_EVERY_S = 0.2
DEMO_MITRAS = ("Sari", "Dewi", "Budi")
DEMO_CUSTOMER = "Agus"
EXIT_BROKEN = 3

# As the seed has them: this is a server to look at, so it sweeps as it would in production.
CADENCES = {
    "MITRA_AUTO_OFFLINE_SWEEP_SECONDS": "30",
    "HEARTBEAT_MIRROR_INTERVAL_SECONDS": "60",
    "VALKEY_ONLINE_MIRROR_SWEEP_SECONDS": "300",
}

console = Console(soft_wrap=True, highlight=False)


def run(settings: Settings, instances: int) -> int:
    """Serve until Ctrl-C (0: that is how it is meant to end); 3 when a server ends by itself."""
    with Supervisor.start() as supervisor:
        logs = supervisor.temporary_directory("logs")
        schema = mapped_schema(settings)
        with open_stack(stack_spec(settings, logs), supervisor, "serve") as stack, announced(stack, "serve", schema):
            servers = [stack.server(chr(ord("a") + number), env=CADENCES) for number in range(instances)]
            for server in servers:
                server.start(ready_within_s=settings.ready_within_s)
            if schema.foreign:
                make_views(stack.postgres.url, schema)
            announce(stack, "serve", schema)
            introduce(stack, servers, schema)
            try:
                return follow(servers)
            except KeyboardInterrupt:
                console.print("\nstopping")
                for server in servers:
                    server.stop()
                return 0
            finally:
                if schema.foreign:
                    drop_views(stack.postgres.url)


def introduce(stack: Stack, servers: list[ServerInstance], schema: Schema) -> None:
    """Put the demo people in and print what to paste."""
    with Fixtures(stack.postgres.url, schema) as fixtures:
        mitras = [fixtures.mitra(name) for name in DEMO_MITRAS]
        customer = fixtures.customer(DEMO_CUSTOMER)
    for server in servers:
        console.print(f"[bold]server {server.name}[/]  public {server.public_url}  internal {server.internal_url}")
    console.print(f"Postgres  {stack.postgres.url}\nValkey    {stack.valkey.url}")
    console.print(f"Toxiproxy {stack.toxiproxy.url}  ({', '.join(stack.toxiproxy.proxies())})")
    console.print("people    " + ", ".join(f"{row.display_name} {row.phone} {row.id}" for row in mitras))
    console.print(f"customer  {customer.display_name} {customer.phone} {customer.id}")
    if stack.spec.sut == DEFAULT_SUT:  # of others we don't know where they describe themselves
        console.print(f"API       {servers[0].public_url}/docs and {servers[0].internal_url}/docs")
    console.print(f"one-time code of everybody: {servers[0].otp_code}\n")
    console.print("[bold]to try[/] (in another terminal; the tokens last 12 hours)")
    for line in curl_lines(servers[0], mitras[0], customer):
        echo(line)
    console.print("\n`rig vk` and `rig sql` look into the stores. Ctrl-C ends it all. Log of the servers:\n")


def curl_lines(server: ServerInstance, mitra: Row, customer: Row) -> list[str]:
    """Lines for a shell, in an order that works when pasted one after the other."""
    secret = server.jwt_secret
    mitra_token = mint(secret, mitra.id, "mitra", lifetime_s=TOKEN_LIFETIME_S)
    customer_token = mint(secret, customer.id, "client", lifetime_s=TOKEN_LIFETIME_S)
    public, internal = server.public_url, server.internal_url
    deactivate = """-X PATCH -H 'Content-Type: application/json' -d '{"is_active": false}'"""
    return [
        f"MITRA='Authorization: Bearer {mitra_token}'",
        f"CUSTOMER='Authorization: Bearer {customer_token}'",
        f"OPERATOR='Authorization: Bearer {server.internal_token}'",
        f'curl -X POST -H "$MITRA" {public}/api/mitra/status/online',
        f'curl -X POST -H "$MITRA" {public}/api/mitra/status/heartbeat',
        f"curl {public}/public/bestie-availability",
        f"curl -H \"$CUSTOMER\" -H 'Content-Type: application/json' -d '{{\"duration_seconds\": 600}}'"
        f" {public}/api/client/chat-sessions",
        f'curl -H "$OPERATOR" {internal}/internal/dashboard',
        f'curl -H "$OPERATOR" {deactivate} {internal}/internal/mitras/{mitra.id}',
    ]


def follow(servers: list[ServerInstance]) -> int:
    """Print the servers' lines as they come, until one ends by itself."""
    shown: dict[Path, int] = {server.log: 0 for server in servers}
    while True:
        for server in servers:
            shown[server.log] = print_from(server, shown[server.log])
        ended = [server for server in servers if not server.running]
        if ended:
            for server in ended:
                print_from(server, shown[server.log])
                console.print(f"[red]server {server.name} ended by itself with code {server.exit_code}[/]")
            return EXIT_BROKEN
        time.sleep(LOOK_EVERY_S)  # between two looks at the logs


def print_from(server: ServerInstance, offset: int) -> int:
    """Print the whole lines of a log from a byte on; where to go on from."""
    with server.log.open("rb") as file:
        file.seek(offset)
        whole = file.read().rpartition(b"\n")[0]
    if not whole:
        return offset
    for line in whole.decode(errors="replace").splitlines():
        echo(f"{server.name} | {line.partition(' ')[2]}")
    return offset + len(whole) + 1
