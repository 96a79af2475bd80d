"""Defects with what is kept in the stores."""

from tests.sabotage.entry import replace_in, sabotage

RACES = ("--stage", "races")


@sabotage("late-ping-wins", "A ping whose write is late puts the heartbeat back.", "KEY-12", by=RACES)
def late_ping_wins() -> None:
    from server.mirror import scripts

    replace_in(scripts, "PING", "or before <= ARGV[2]", "or true")
