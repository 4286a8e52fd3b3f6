"""The command itself: codes and texts."""

from pathlib import Path


def test_a_model_is_written_once(cli, tmp_path: Path, tiny_gpt2) -> None:
    tiny_gpt2.save_pretrained(tmp_path / "model")
    first = cli("export", "model", "out")
    assert (first.code, first.out) == (0, "")
    assert (tmp_path / "out/model.safetensors").is_file()
    second = cli("export", "model", "out")
    assert second.code == 2
    assert second.err.startswith("out: is there already")
