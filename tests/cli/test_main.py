"""`main`: exit codes, streams and the texts that go with them, each in a real process.

A command `probe` is added that does what the test says.
"""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from lmkit import __version__

PROBE = """
import sys
from lmkit import cli
@cli.app.command()
def probe() -> None:
    import errno, logging, os, time
    import typer
    from lmkit import errors
    logger = logging.getLogger("lmkit.probe")
    {body}
sys.argv = ["lmkit", {options}"probe"]
cli.main()
"""


def probe(
    body: str, *options: str, env: dict[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    words = "".join(f"{option!r}, " for option in options)
    return subprocess.run(
        [sys.executable, "-c", PROBE.format(body=body, options=words)],
        env=os.environ | (env or {}),
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize(
    ("body", "code", "told"),
    [
        ("raise errors.DataError('a.txt:3: no text')", 2, "a.txt:3: no text\n"),
        ("raise errors.RecipeError(['one', 'two'])", 2, "one\ntwo\n"),
        ("raise errors.GuardStopError('loss is NaN')", 3, "loss is NaN\n"),
        ("raise errors.InterruptedRunError('go on with: x', 15)", 143, "go on with: x\n"),
        ("raise errors.InterruptedRunError('go on with: x', 10)", 138, "go on with: x\n"),
        ("raise KeyboardInterrupt", 130, "stopped\n"),
        (
            "raise OSError(errno.EACCES, 'Permission denied', 'f.bin')",
            2,
            "f.bin: Permission denied\n",
        ),
        ("raise OSError(errno.ENOSPC, 'No space left', 'f.bin')", 2, "f.bin: No space left\n"),
        ("raise typer.Exit(5)", 5, ""),
        ("raise MemoryError", 2, None),
        ("raise type('PanicException', (BaseException,), {})('retry-limit')", 2, None),
        ("exec(compile('raise Exception(0)', 'tokenization_x.py', 'exec'))", 2, None),
        ("raise errors.HubError('https://me:sesame@hub.org: no')", 2, "https://***@hub.org: no\n"),
    ],
)
def test_exit_codes_and_texts(body: str, code: int, told: str | None) -> None:
    ended = probe(body)
    assert ended.returncode == code
    assert ended.stdout == ""
    assert "Traceback" not in ended.stderr
    if told is not None:
        assert ended.stderr == told


@pytest.mark.parametrize(
    "body", ["1 / 0", "raise Exception(0)", "raise BrokenPipeError(32, 'of a socket')"]
)
def test_a_defect_has_its_traceback_and_a_place_to_report(body: str) -> None:
    ended = probe(body)
    assert ended.returncode == 1
    assert "Traceback" in ended.stderr
    last = ended.stderr.splitlines()[-1]
    assert "this is a defect of lmkit" in last
    assert "lmkit doctor" in last
    assert __version__ in last


def test_messages_go_to_standard_error() -> None:
    body = "logger.info('reading'); logger.warning('odd'); logger.debug('x'); typer.echo('42')"
    ended = probe(body)
    assert ended.stdout == "42\n"
    assert ended.stderr == "reading\nwarning: odd\n"


def test_quiet_leaves_warnings() -> None:
    ended = probe("logger.info('reading'); logger.warning('odd'); typer.echo('42')", "--quiet")
    assert ended.stdout == "42\n"
    assert ended.stderr == "warning: odd\n"


def test_of_several_processes_the_first_has_results_and_messages() -> None:
    body = "logger.info('reading'); typer.echo('42')"
    second = probe(body, env={"RANK": "1", "WORLD_SIZE": "2", "LOCAL_RANK": "1"})
    assert (second.returncode, second.stdout, second.stderr) == (0, "", "")
    first = probe(body, env={"RANK": "0", "WORLD_SIZE": "2", "LOCAL_RANK": "0"})
    assert (first.stdout, first.stderr) == ("42\n", "reading\n")


@pytest.mark.parametrize(
    "body",
    [
        "[typer.echo('x' * 1000) for _ in range(1000)]",  # breaks while it writes
        "time.sleep(0.5); sys.stdout.write('x')",  # breaks at the last flush
    ],
)
def test_a_closed_pipe_ends_quietly(body: str) -> None:
    writer = subprocess.Popen(
        [sys.executable, "-c", PROBE.format(body=body, options="")],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert writer.stdout is not None
    writer.stdout.close()
    assert writer.stderr is not None
    told = writer.stderr.read()
    writer.stderr.close()
    assert (writer.wait(), told) == (0, "")


def test_nobody_reads_the_messages_either() -> None:
    code = PROBE.format(body="time.sleep(0.5); logger.info('x'); typer.echo('y')", options="")
    ended = subprocess.run(
        ["bash", "-c", '"$0" -c "$1" 2>&1 | true; exit ${PIPESTATUS[0]}', sys.executable, code],
        check=False,
    )
    assert ended.returncode == 0


def test_ctrl_c(tmp_path: Path) -> None:
    ready = tmp_path / "ready"
    code = PROBE.format(body=f"open({str(ready)!r}, 'w').close(); time.sleep(30)", options="")
    running = subprocess.Popen([sys.executable, "-c", code], stderr=subprocess.PIPE, text=True)
    while not ready.exists():
        time.sleep(0.02)
    running.send_signal(signal.SIGINT)
    _, told = running.communicate(timeout=20)
    assert (running.returncode, told) == (130, "stopped\n")


@pytest.mark.parametrize(
    ("words", "text"),
    [
        ("pretain x", "No such command 'pretain'. Did you mean 'pretrain'?\nTry: lmkit --help"),
        ("pretrain x --resum", "--resume"),
        ("pretrain", "Missing argument 'RECIPE'.\nTry: lmkit pretrain --help"),
        ("pretrain x --processes 0", "'--processes'"),
        ("data cache lst", "Did you mean 'list'?\nTry: lmkit data cache --help"),
    ],
)
def test_usage_errors_name_the_nearest(cli, words: str, text: str) -> None:
    ended = cli(*words.split())
    assert ended.code == 2
    assert ended.out == ""
    assert text in ended.err


def test_no_command_is_help_on_standard_error(run_cli) -> None:
    ended = run_cli()
    assert (ended.code, ended.out) == (2, "")
    assert ended.err.startswith("Usage: lmkit ")


def test_version(run_cli) -> None:
    assert run_cli("--version") == (0, f"lmkit {__version__}\n", "")
