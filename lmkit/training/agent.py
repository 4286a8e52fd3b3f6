"""`python -m lmkit.training.agent`: torchrun without the traceback that it adds to every failure.

The workers have told what went wrong, and `lmkit.launch` ends with their code; a traceback of the
agent's own would only hide that.
"""

import logging
import sys

from torch.distributed.elastic.multiprocessing.api import SignalException
from torch.distributed.elastic.multiprocessing.errors import ChildFailedError
from torch.distributed.run import get_args_parser, run


def main(arguments: list[str]) -> int:
    """Start and watch the workers.

    Returns:
        0 if all of them ended with 0; 128 + its number after a signal; else 1. A worker that a
        signal killed is named, for it could not say anything itself.
    """
    logging.getLogger("torch.distributed.elastic").setLevel(logging.CRITICAL)
    try:
        run(get_args_parser().parse_args(arguments))  # type: ignore[no-untyped-call] # torch's own
    except ChildFailedError as error:
        rank, failure = error.get_first_failure()
        if failure.exitcode < 0:
            sys.stderr.write(
                f"process {rank} (pid {failure.pid}) was killed by {failure.signal_name()}\n"
            )
        return 1
    except SignalException as stopped:
        return 128 + int(stopped.sigval)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
