"""What the rig sees without asking the server: its log, statements, Valkey commands, rows and keys."""

from rig.observe.capability import CannotObserve
from rig.observe.command import Command
from rig.observe.lag import LagSentinel
from rig.observe.mirror import Mirror, parse_heartbeat
from rig.observe.monitor import Monitor, NoMonitor
from rig.observe.serverlog import ServerLog
from rig.observe.statements import NoStatementLog, Statement, StatementLog
from rig.observe.tables import Result, Tables

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
