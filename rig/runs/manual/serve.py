"""`rig serve`: servers on a stack with people in it, until Ctrl-C, to try and debug by hand."""

import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any

from rich.console import Console
from typer import echo

from rig.config import Settings
from rig.environment.running_stacks import announce, announced
from rig.environment.stack_spec import mapped_schema, stack_spec
from rig.fixtures import Schema, drop_views, make_views
from rig.report.words import judged_line
from rig.runs.common.provenance import judged
from rig.runs.manual.client import Request
from rig.runs.manual.control import ControlSocket
from rig.runs.manual.feed import Feed
from rig.runs.manual.options import DEFAULTS, ServeOptions, not_taken
from rig.runs.manual.people import Person, curl_lines, exports, move_in, shell_variables
from rig.runs.manual.session import Session
from rig.stack import Stack, StackError, Supervisor, open_stack
from rig.stack.spec import DEFAULT_SUT
from rig.traffic import Operator

LOOK_EVERY_S = 0.1
EXIT_BROKEN = 3

console = Console(soft_wrap=True, highlight=False)


def run(settings: Settings, options: ServeOptions) -> int:
    """Serve until Ctrl-C (0: that is how it is meant to end); 3 when a server ends by itself."""
    options.check_ports()
    schema = mapped_schema(settings)
    with Supervisor.start() as supervisor, ExitStack() as resources:
        logs = supervisor.temporary_directory("logs")
        control = resources.enter_context(closing(ControlSocket(supervisor.temporary_directory("control"))))
        stack = resources.enter_context(open_stack(stack_spec(settings, logs), supervisor, "serve"))
        try:
            session = start_session(stack, settings, options, logs)
            echo(f"tested    {judged_line(judged(settings))}")
            return serve(session, control, schema)
        except KeyboardInterrupt:
            console.print("\nstopping")
            return 0
        finally:
            for server in stack.servers.values():
                if server.running:
                    server.stop()
            if schema.foreign:
                drop_views(stack.postgres.url)


def serve(session: Session, control: ControlSocket, schema: Schema) -> int:
    """Make the people, let commands find the session, and do what they ask for. 3 when a server ends by itself."""
    stack = session.stack
    if schema.foreign:
        make_views(stack.postgres.url, schema)
    people = move_in(stack.postgres.url, schema)
    facts = control.describe(session.limit_s)

    def act(request: Request) -> Sequence[Any]:
        if request["what"] == "lines":
            return feed.read(request)
        if request["what"] == "env":
            return exports(shell_variables(session.servers, people))
        try:
            return session.act(request)
        finally:
            announce(stack, "serve", schema, facts)  # a server that was started again has another process id

    with announced(stack, "serve", schema, facts), closing(Feed(stack, session.logs)) as feed:
        introduce(session, people)
        return watch(session, control, act)


def start_session(stack: Stack, settings: Settings, options: ServeOptions, logs: Path) -> Session:
    """The servers as they were asked for, ready, with their settings. StackError when one is not."""
    for number, name in enumerate(options.names()):
        stack.server(name, env={**DEFAULTS, **options.env}, ports=options.ports(number))
    session = Session(stack, stack.servers, logs, ready_within_s=settings.ready_within_s)
    for server in session.servers.values():
        server.spawn()
    for server in session.servers.values():
        server.wait_ready(settings.ready_within_s)
    operator = Operator(session.servers["a"])
    for key, value in options.config.items():
        if not (answer := operator.set_config(key, value)).ok:
            raise StackError(f"server a did not take {key} = {value}: {answer}")
    return session


def introduce(session: Session, people: list[Person]) -> None:
    """Print what runs where, and what to paste."""
    stack, servers = session.stack, session.servers
    for server in servers.values():
        console.print(f"[bold]server {server.name}[/]  public {server.public_url}  internal {server.internal_url}")
    console.print(f"Postgres  {stack.postgres.url}\nValkey    {stack.valkey.url}")
    console.print(f"Toxiproxy {stack.toxiproxy.url}  ({', '.join(stack.toxiproxy.proxies())})")
    for role, word in (("mitra", "mitras   "), ("client", "customers")):
        told = (f"{person['name']} {person['phone']} {person['id']}" for person in people if person["role"] == role)
        console.print(f"{word} {', '.join(told)}")
    first = servers["a"]
    if stack.spec.sut == DEFAULT_SUT:  # of others we don't know where they describe themselves
        console.print(f"API       {first.public_url}/docs and {first.internal_url}/docs")
    console.print(f"one-time code of everybody: {first.otp_code}")
    if ignored := not_taken():
        console.print(f"not used, as the rig sets them itself: {', '.join(ignored)} of your environment")
    console.print("\n[bold]to try[/] (in another terminal; the tokens last 12 hours)")
    for line in curl_lines(shell_variables(servers, people)):
        echo(line)
    console.print(
        '\n[bold]rig tour[/] shows the whole checklist by hand, step by step. eval "$(rig env)" puts addresses, tokens and ids\n'
        "into a shell; rig valkey, rig server, rig log, rig statements, rig vk and rig sql act on this session or look into it.\n"
        "Ctrl-C ends it all. Log of the servers:\n"
    )


def watch(session: Session, control: ControlSocket, act: Callable[[Request], Sequence[Any]]) -> int:
    """Print lines as they come and carry out what commands ask for (`act`), until a server ends by itself."""
    shown: dict[str, int] = {}
    while True:
        print_new_lines(session, shown)
        if ended := session.ended_by_itself:
            time.sleep(LOOK_EVERY_S)  # its last lines are on their way into the log
            print_new_lines(session, shown)
            for server in ended:
                console.print(f"[red]server {server.name} ended by itself with code {server.exit_code}[/]")
            return EXIT_BROKEN
        control.serve_one(act, LOOK_EVERY_S)


def print_new_lines(session: Session, shown: dict[str, int]) -> None:
    """Print the whole lines of each log from where `shown` says on, and note how far that was."""
    for name, path in session.logs.items():
        with path.open("rb") as file:
            file.seek(shown.get(name, 0))
            whole = file.read().rpartition(b"\n")[0]
        if not whole:
            continue
        shown[name] = shown.get(name, 0) + len(whole) + 1
        for line in whole.decode(errors="replace").splitlines():
            echo(f"{name} | {line.partition(' ')[2]}")
