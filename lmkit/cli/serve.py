"""`lmkit serve`."""

from typing import Annotated

import typer

from lmkit.cli.generate import Target
from lmkit.cli.options import Quiet


def serve(
    target: Target,
    host: Annotated[
        str, typer.Option("--host", metavar="ADDRESS", help="Where to listen.")
    ] = "127.0.0.1",
    port: Annotated[
        int, typer.Option("--port", metavar="N", min=0, max=65535, help="0 takes a free one.")
    ] = 8000,
    token_env: Annotated[
        str,
        typer.Option(
            "--token-env",
            metavar="NAME",
            help="The environment variable with the token that clients must know.",
        ),
    ] = "LMKIT_TOKEN",
    max_tokens: Annotated[
        int, typer.Option("--max-tokens", metavar="N", min=1, help="Tokens an answer may have.")
    ] = 1024,
    max_requests: Annotated[
        int,
        typer.Option(
            "--max-requests",
            metavar="N",
            min=1,
            help="Requests at once, waiting ones included; more are told to come again.",
        ),
    ] = 64,
    quiet: Quiet = False,  # noqa: ARG001 - its callback acts
) -> None:
    """Serve a causal model by the OpenAI API: completions and chat, also as streams.

    Asked from this machine only, unless --host says otherwise; then a token is needed.
    """
    from lmkit.commands.serve import ServeOptions
    from lmkit.commands.serve import serve as run

    run(
        target,
        ServeOptions(
            host=host,
            port=port,
            token_env=token_env,
            max_tokens=max_tokens,
            max_requests=max_requests,
        ),
    )
