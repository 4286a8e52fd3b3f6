"""Where the Jinja of a chat template comes from."""

import pytest

from lmkit.data.template_text import CHATML, template_text
from lmkit.errors import TokenizerError

ONCE = "{% for m in messages %}{{ m['content'] + eos_token }}{% endfor %}"


def test_where_a_template_comes_from(tmp_path):
    file = tmp_path / "mine.jinja"
    file.write_text(CHATML)
    assert template_text(str(file)) == CHATML
    assert template_text("chatml") == "chatml"
    assert template_text(ONCE) == ONCE
    with pytest.raises(TokenizerError, match=r"no packaged template .* did you mean `?chatml"):
        template_text("chatlm")
    file.write_text("no template")
    with pytest.raises(TokenizerError, match="holds no Jinja"):
        template_text(str(file))
