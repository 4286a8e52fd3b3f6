"""Errors of a model in lmkit's words."""

from pathlib import Path

from lmkit.errors import HubError, ModelError
from lmkit.models.unreadable import told


def test_what_is_said_of_each_cause(tmp_path: Path) -> None:
    own = told("x", ValueError("please set trust_remote_code=True"))
    assert "`model.trust_remote_code: true` in a recipe" in str(own)
    assert type(told(str(tmp_path), OSError("no such\nfile"))) is ModelError
    assert "no such file" in str(told(str(tmp_path), OSError("no such\nfile")))
    assert type(told("org/name", OSError("offline"))) is HubError
