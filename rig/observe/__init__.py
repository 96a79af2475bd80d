"""What the rig sees without asking the server: its log, statements, Valkey commands, rows and keys."""

from rig.observe.errors import CannotObserve
from rig.observe.postgres.queries import Result, Tables
from rig.observe.postgres.statement import Statement
from rig.observe.postgres.statement_log import NoStatementLog, StatementLog
from rig.observe.process.scheduling_lag import LagSentinel
from rig.observe.process.server_log import ServerLog
from rig.observe.valkey.command import Command
from rig.observe.valkey.mirror_keys import Mirror, parse_heartbeat
from rig.observe.valkey.monitor import Monitor, NoMonitor

__all__ = [
    "CannotObserve",
    "Command",
    "LagSentinel",
    "Mirror",
    "Monitor",
    "NoMonitor",
    "NoStatementLog",
    "Result",
    "ServerLog",
    "Statement",
    "StatementLog",
    "Tables",
    "parse_heartbeat",
]
