"""The console script `rig`, and `python -m rig`: the interpreter is as we want it before anything else is imported."""

from rig import caller


def main() -> None:
    """Run the command line in a process that its caller's environment has not bent."""
    caller.restart_if_bent()
    from rig.cli.commands import main as command

    command()


if __name__ == "__main__":
    main()
