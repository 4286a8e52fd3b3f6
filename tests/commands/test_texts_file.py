"""A file of texts that was begun is gone on with, or left as it is."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time

import pytest

from lmkit.commands import texts_file
from lmkit.commands.generate import generate_lines
from lmkit.errors import DataError, UsageError
from lmkit.generation.options import GenerationOptions
from lmkit.generation.prompts import Prompt

OPTIONS = GenerationOptions(max_new_tokens=6, seed=7, batch_size=2)


def prompts(count=12, word="the cat"):
    return [Prompt(i, f"{word} {i}", f"p:{i + 1}", {"id": i}) for i in range(count)]


@pytest.fixture
def write(tiny_gpt2_folder, tmp_path, caplog):
    """`write(resume=True, ...)`: the bytes of the output; `write.path` is where they are."""
    caplog.set_level("INFO", "lmkit")

    def call(given=None, options=OPTIONS, *, resume=False, target=tiny_gpt2_folder):
        caplog.clear()
        given = prompts() if given is None else given
        generate_lines(str(target), given, options, str(call.path), resume=resume)
        return call.path.read_bytes()

    call.path = tmp_path / "o.jsonl"
    return call


def test_a_file_that_was_cut_anywhere_is_completed_to_the_same_bytes(write, caplog):
    whole = write()
    lines = whole.splitlines(keepends=True)
    for size in (0, 1, len(lines[0]), len(lines[0]) + 9, len(b"".join(lines[:5])), len(whole)):
        write.path.write_bytes(whole[:size])
        assert write(resume=True) == whole
        left = 12 - whole[:size].count(b"\n")
        assert f"{left} texts, " in caplog.text  # what was finished is not done again


def test_prompts_of_several_texts_are_whole_or_done_again(write):
    options = GenerationOptions(max_new_tokens=4, seed=7, num_return_sequences=3)
    whole = write(options=options)
    lines = whole.splitlines(keepends=True)
    write.path.write_bytes(b"".join(lines[:7]))
    assert write(options=options, resume=True) == whole


def test_a_drawn_seed_is_kept(write):
    options = GenerationOptions(max_new_tokens=6)
    whole = write(options=options)
    write.path.write_bytes(whole[: len(whole) // 2])
    assert write(options=options, resume=True) == whole
    assert write(options=options) != whole  # begun anew another one is drawn


def test_a_long_name_is_gone_on_with_too(write):
    write.path = write.path.with_name("x" * 255)
    whole = write()
    write.path.write_bytes(whole[:100])
    assert write(resume=True) == whole


def test_a_folder_that_takes_no_other_file_is_told(write, monkeypatch, caplog):
    def refuse(*_args):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(texts_file, "sync", refuse)
    assert write()
    assert "--resume will not go on with it: [Errno 13] Permission denied" in caplog.text


def test_nothing_there_is_begun(write):
    assert write(resume=True) == write()


def test_other_settings_are_named_and_nothing_is_touched(write):
    whole = write()
    write.path.write_bytes(whole[:-5])
    options = GenerationOptions(max_new_tokens=7, temperature=0.5, seed=7, batch_size=9)
    with pytest.raises(UsageError) as caught:
        write(options=options, resume=True)
    assert str(caught.value).splitlines() == [
        f"--resume: {write.path} was begun with other settings; give the same, or leave out "
        "--resume to begin anew",
        "  --max-new-tokens: it was begun with 6, and now it is 7",
        "  --temperature: it was begun with None, and now it is 0.5",
    ]
    assert write.path.read_bytes() == whole[:-5]


def test_another_model_of_that_name_is_told(write, tiny_gpt2, tiny_gpt2_folder):
    write()
    tiny_gpt2.transformer.wte.weight.data[0, 0] += 1
    tiny_gpt2.save_pretrained(tiny_gpt2_folder)
    with pytest.raises(UsageError, match=r"TARGET: .*another model \(other: model.safetensors\)"):
        write(resume=True)


def test_a_model_that_was_moved_is_the_same(write, tiny_gpt2_folder, tmp_path):
    whole = write()
    shutil.move(tiny_gpt2_folder, tmp_path / "moved")
    write.path.write_bytes(whole[:100])
    assert write(resume=True, target=tmp_path / "moved") == whole


@pytest.mark.parametrize(
    ("given", "says"),
    [
        (prompts(word="a dog"), "answers another prompt in the place of p:1: {.*the cat 0"),
        (prompts(5), "answers 12 prompts, and now there are 5"),
        ([Prompt(0, "the cat 0", "p:1", {"id": 5})], "answers another prompt in the place of p:1"),
    ],
)
def test_other_prompts_are_told(write, given, says):
    whole = write()
    with pytest.raises(DataError, match=says):
        write(given, resume=True)
    assert write.path.read_bytes() == whole


def test_more_prompts_are_added(write):
    first = write(prompts(5))
    both = write(resume=True)
    assert both.startswith(first)
    assert both == write()


def test_a_file_of_something_else_is_left_alone(write):
    write.path.write_text("my notes, without an end")
    with pytest.raises(UsageError, match="was not begun by `lmkit generate`"):
        write(resume=True)
    assert write.path.read_text() == "my notes, without an end"


def test_a_line_that_was_damaged_is_told(write):
    whole = write()
    write.path.write_bytes(whole.replace(b"{", b"[", 1))
    with pytest.raises(DataError, match=r"o.jsonl:1: is no line of JSON"):
        write(resume=True)
    write.path.with_name(".o.jsonl.settings.json").write_text("{")
    with pytest.raises(UsageError, match=r"settings.json is damaged"):
        write(resume=True)


def test_a_pipe_is_written_to_but_cannot_be_gone_on_with(write):
    write.path = write.path.with_name("pipe")
    os.mkfifo(write.path)
    with pytest.raises(UsageError, match="is no file that could be gone on with"):
        write(resume=True)


@pytest.mark.slow
def test_after_a_real_kill_the_bytes_are_those_of_one_call(write, cli, tiny_gpt2_folder, tmp_path):
    count = 600
    rows = [json.dumps({"prompt": f"the cat {i}"}) + "\n" for i in range(count)]
    (tmp_path / "p.jsonl").write_text("".join(rows))
    words = [
        "generate", str(tiny_gpt2_folder), "--input", str(tmp_path / "p.jsonl"), "--seed", "1",
        "--max-new-tokens", "5", "--batch-size", "4", "--output",
    ]  # fmt: skip
    assert cli(*words, tmp_path / "whole.jsonl").code == 0
    path = tmp_path / "killed.jsonl"
    process = subprocess.Popen(
        [sys.executable, "-m", "lmkit", *words, str(path), "--resume"], stderr=subprocess.DEVNULL
    )
    end = time.monotonic() + 120
    while not path.exists() or path.stat().st_size < 3000:
        assert process.poll() is None
        assert time.monotonic() < end
        time.sleep(0.002)
    process.send_signal(signal.SIGKILL)
    process.wait()
    done = path.read_bytes().count(b"\n")
    assert 0 < done < count
    found = cli(*words, path, "--resume")
    assert found.code == 0
    assert f"{done} prompts are answered already" in found.err
    assert f"{count - done} texts, " in found.err
    assert path.read_bytes() == (tmp_path / "whole.jsonl").read_bytes()
