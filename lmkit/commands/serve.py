"""`lmkit serve`: one model by the OpenAI API, for this machine alone unless told otherwise."""

import ipaddress
import logging
import os
import socket
from dataclasses import dataclass
from pathlib import Path

from lmkit.commands.gguf import as_folder
from lmkit.errors import ModelError, UsageError, require_extra
from lmkit.generation.opening import open_for_writing

NEEDED = ("fastapi", "uvicorn", "openai")
GRACE = 5
"""Seconds that answers have when the server is stopped."""

logger = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class ServeOptions:
    """Where to serve, to whom and how much."""

    host: str
    port: int
    token_env: str
    max_tokens: int
    max_requests: int


def serve(target: str, options: ServeOptions) -> None:
    """Serve a model until the process is stopped.

    Args:
        target: a run folder, a checkpoint, a model folder or a hub name.
        options: where, to whom and how much.

    Raises:
        LmkitError: the address is taken or open to others without a token, the model cannot be
            used, or the extra is absent.
    """
    token = os.environ.get(options.token_env) or None
    if token is None and not is_loopback(options.host):
        raise UsageError(
            f"--host {options.host}: others than this machine could ask; put a token into the "
            f"environment variable {options.token_env} (--token-env names another), or leave out "
            "--host"
        )
    for name in NEEDED:
        require_extra("lmkit serve", name, "serve")
    listening = listen(options.host, options.port)
    with listening:
        import uvicorn  # noqa: PLC0415 - the extra may be absent

        from lmkit.commands.server import Bounds, OneModel, Server  # noqa: PLC0415 - as above

        model, tokenizer = open_for_writing(as_folder(target))
        if model.config.is_encoder_decoder:
            raise ModelError(f"{target}: lmkit serve needs a causal model, not an encoder-decoder")
        place = Path(target).resolve()
        name = target if not place.exists() else place.stem if place.is_file() else place.name
        bounds = Bounds(options.max_tokens, options.max_requests, token)
        app = Server(OneModel(name, model, tokenizer), bounds).app()
        config = uvicorn.Config(
            app, log_level="warning", access_log=False, timeout_graceful_shutdown=GRACE
        )
        shown = f"[{options.host}]" if ":" in options.host else options.host
        port = listening.getsockname()[1]
        logger.info("serving %s at http://%s:%d/v1 (Ctrl-C stops it)", name, shown, port)
        uvicorn.Server(config).run(sockets=[listening])


def is_loopback(host: str) -> bool:
    """Whether an address is reached from this machine only."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def listen(host: str, port: int) -> socket.socket:
    """A socket at the address, which nobody else gets from now on.

    Raises:
        UsageError: the address is taken, not allowed, or not one of this machine.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    opened = socket.socket(family)
    opened.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        opened.bind((host, port))
        opened.listen()
    except OSError as error:
        opened.close()
        raise UsageError(
            f"--port {port}: {host}:{port} cannot be listened at: {error.strerror}; give another "
            "--port (0 takes any that is free)"
        ) from error
    return opened
