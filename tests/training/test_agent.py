"""The agent ends with a code and no traceback."""

from pathlib import Path

import pytest

from lmkit.training import agent


@pytest.mark.parametrize(
    ("code", "ended", "told"),
    [
        ("pass", 0, ""),
        ("raise SystemExit(2)", 1, ""),
        ("import os; os.kill(os.getpid(), 9)", 1, "was killed by SIGKILL"),
    ],
)
def test_codes(
    capfd: pytest.CaptureFixture[str],
    tmp_path: Path,
    code: str,
    ended: int,
    told: str,
) -> None:
    script = tmp_path / "worker.py"
    script.write_text(code)
    assert agent.main(["--standalone", "--nproc-per-node", "1", str(script)]) == ended
    err = capfd.readouterr().err
    assert told in err
    assert "Traceback" not in err
