"""`lmkit doctor`."""

from lmkit.cli.options import Json


def doctor(as_json: Json = False) -> None:
    """What lmkit finds on this machine, and what it would choose: paste this into a report."""
    from lmkit.commands.doctor import report

    report(as_json=as_json)
