"""`lmkit doctor` from the shell."""

import json


def test_json(cli) -> None:
    ended = cli("doctor", "--json")
    assert ended.code == 0
    assert json.loads(ended.out)["lmkit"]
