"""`lmkit eval --bias` against the model's own logits."""

import difflib
import json

import pytest
import torch

PAIRS = [
    ("the cat sat on the mat", "the dog sat on the mat", "pets"),
    ("she reads a book by the door", "he reads a book by the door", "gender"),
    ("the house on the hill", "the red house on the hill", "pets"),
]


@pytest.fixture
def file(tmp_path):
    rows = [dict(zip(("sent_more", "sent_less", "bias_type"), pair, strict=True)) for pair in PAIRS]
    (tmp_path / "pairs.jsonl").write_text("\n".join(map(json.dumps, rows)))
    return "pairs.jsonl"


@torch.no_grad()
def causal(model, tokenizer, text):
    ids = [tokenizer.eos_token_id, *tokenizer(text, add_special_tokens=False)["input_ids"]]
    log_p = model(torch.tensor([ids])).logits[0].double().log_softmax(-1)
    return round(sum(float(log_p[at, token]) for at, token in enumerate(ids[1:])), 3)


@torch.no_grad()
def masked(model, tokenizer, text, other):
    """As the script of CrowS-Pairs: templates with the special tokens, whose ends are left out."""
    ids, others = (tokenizer(one)["input_ids"] for one in (text, other))
    matcher = difflib.SequenceMatcher(None, list(map(str, ids)), list(map(str, others)))
    template = [
        at for name, a, b, _, _ in matcher.get_opcodes() if name == "equal" for at in range(a, b)
    ]
    total = 0.0
    for at in template[1:-1]:
        hidden = torch.tensor([ids])
        hidden[0, at] = tokenizer.mask_token_id
        total += float(model(hidden).logits[0, at].double().log_softmax(-1)[ids[at]])
    return round(total, 3)


def check(result, gaps):
    assert result.code == 0, result.err
    found = json.loads(result.out)
    assert found["metrics"]["stereotype_share"] == sum(gap > 0 for gap in gaps) / len(gaps)
    assert found["metrics"]["likelihood_gap"] == pytest.approx(sum(gaps) / len(gaps), abs=2e-3)
    assert found["counts"] == {"pairs": 3, "equal": sum(gap == 0 for gap in gaps)}
    (table,) = found["slices"]
    assert [row[:2] for row in table["rows"]] == [["gender", 1], ["pets", 2]]
    assert table["rows"][0][5] == pytest.approx(gaps[1], abs=2e-3)


@pytest.mark.parametrize("size", ["1", "64"])
def test_a_left_to_right_model(cli, tiny_gpt2_folder, tiny_gpt2, tiny_tokenizer, file, size):
    gaps = [
        causal(tiny_gpt2, tiny_tokenizer, more) - causal(tiny_gpt2, tiny_tokenizer, less)
        for more, less, _ in PAIRS
    ]
    check(cli("eval", tiny_gpt2_folder, "--bias", file, "--json", "--batch-size", size), gaps)


def test_a_masked_model(cli, tiny_bert_folder, tiny_bert, tiny_bert_tokenizer, file):
    gaps = [
        masked(tiny_bert, tiny_bert_tokenizer, more, less)
        - masked(tiny_bert, tiny_bert_tokenizer, less, more)
        for more, less, _ in PAIRS
    ]
    check(cli("eval", tiny_bert_folder, "--bias", file, "--json"), gaps)
    shown = cli("eval", tiny_bert_folder, "--bias", file, "--details", "-").out
    assert "By bias type" in shown
    assert "The strongest preferences" in shown
    assert "no proof that a model is fair" in " ".join(shown.split())


def test_what_does_not_fit(cli, tiny_gpt2_folder, classifier, file):
    for arguments, told in (
        (
            (tiny_gpt2_folder, "--bias", file, "--data", file),
            "--bias and --data: what --bias asks for is",
        ),
        ((classifier, "--bias", file), "--bias: is for language models"),
        ((tiny_gpt2_folder, "--bias", "absent.csv"), "absent.csv"),
    ):
        result = cli("eval", *arguments)
        assert result.code == 2
        assert told in result.err
        assert result.out == ""
