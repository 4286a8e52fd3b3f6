"""`lmkit pretrain`: its help; what it does is in test_training.py, whole runs in tests/commands."""


def test_help_says_what_it_is_for(cli) -> None:
    ended = cli("pretrain", "--help")
    assert ended.code == 0
    assert ended.out.startswith("Usage: lmkit pretrain [OPTIONS] {RECIPE}")
    assert "--allow-changed KEY" in ended.out
