"""What the hub answers, and no answer, in lmkit's words."""

from types import SimpleNamespace

import pytest
from huggingface_hub import HfApi
from huggingface_hub import errors as hub_errors

from lmkit.errors import HubError
from lmkit.hub import model_commit


def answering(monkeypatch, answer):
    def model_info(self, name, **_):
        if isinstance(answer, Exception):
            raise answer
        return answer

    monkeypatch.setattr(HfApi, "model_info", model_info)


def response(status):
    return SimpleNamespace(status_code=status, headers={}, request=None)


def test_the_commit_is_that_of_the_hub(monkeypatch):
    answering(monkeypatch, SimpleNamespace(sha="c0ffee"))
    assert model_commit("org/name") == "c0ffee"


@pytest.mark.parametrize(
    ("kind", "message"),
    [
        (hub_errors.GatedRepoError, "asks for permission"),
        (hub_errors.RevisionNotFoundError, "holds no revision `v9`"),
        (hub_errors.RepositoryNotFoundError, "the hub holds no such model"),
        (hub_errors.HfHubHTTPError, "the hub answers"),
    ],
)
def test_each_refusal_is_told(monkeypatch, kind, message):
    answering(monkeypatch, kind("no", response=response(404)))
    with pytest.raises(HubError, match=f"^org/name: .*{message}"):
        model_commit("org/name", "v9")


@pytest.mark.parametrize("error", [hub_errors.HTTPError("late"), hub_errors.OfflineModeIsEnabled()])
def test_no_answer_is_none(monkeypatch, error):
    answering(monkeypatch, error)
    assert model_commit("org/name") is None
