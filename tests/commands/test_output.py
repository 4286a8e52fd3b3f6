"""Where results go."""

import pytest

from lmkit.commands.output import check_output, open_output
from lmkit.errors import UsageError


def test_standard_output_is_left_open(capsys):
    check_output(None)
    for line in ("a\n", "b\n"):
        with open_output(None) as file:
            file.write(line)
    assert capsys.readouterr().out == "a\nb\n"


def test_a_file_is_written_line_by_line(tmp_path):
    path = tmp_path / "o.jsonl"
    check_output(str(path))
    with open_output(str(path)) as file:
        file.write("ä\n")
        assert path.read_text(encoding="utf-8") == "ä\n"


def test_a_file_may_be_gone_on_with(tmp_path):
    path = tmp_path / "o.jsonl"
    path.write_text("a\n")
    with open_output(str(path), append=True) as file:
        file.write("b\n")
    assert path.read_text() == "a\nb\n"


@pytest.mark.parametrize(("name", "says"), [(".", "is a folder"), ("no/o", "no folder no")])
def test_what_cannot_be_written_is_told_before_the_work(name, says, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UsageError, match=f"--output {name}: .*{says}"):
        check_output(name)


def test_a_name_that_is_too_long_is_an_error(tmp_path):
    with pytest.raises(UsageError, match="cannot be written"):
        check_output(f"{tmp_path}/{'x' * 300}")
    with (
        pytest.raises(UsageError, match="cannot be written"),
        open_output(f"{tmp_path}/{'x' * 300}"),
    ):
        pass
