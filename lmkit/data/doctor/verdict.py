"""From what the passes counted to findings: copies, labels, rows that are odd or unreadable."""

from collections.abc import Sequence

from lmkit.data.doctor import labels
from lmkit.data.doctor.by_number import numbered_findings
from lmkit.data.doctor.copies import majority
from lmkit.data.doctor.examine import Examined, View
from lmkit.data.doctor.findings import SHOWN, Finding, Severity, Tally, in_order, rows_that
from lmkit.data.doctor.text_signs import SIGNS
from lmkit.recipe.nearest import did_you_mean

_STRUCTURE: dict[str, tuple[str, str]] = {
    "broken_tags": (
        "have tags that make no spans",
        "mend the tags: a span begins with B- and goes on with I- of the same type",
    ),
    "broken_spans": (
        "have spans that cannot be those of their text",
        "count `start` and `end` in characters of the text, the end not included, and let no two "
        "overlap",
    ),
    "answer_offset": (
        "have an answer that does not stand at its offset",
        "count `answer_start` in characters of the context, or leave the question out",
    ),
    "broken_choices": (
        "have choices or an answer that cannot be",
        "give two unlike texts or more, and as the answer one of them, its letter or its number",
    ),
    "missing_side": (
        "have a pair with one side missing",
        "fill in the other text, or leave the row out",
    ),
    "chat_roles": (
        "have turns out of order",
        "let the user begin and user and assistant take turns, a system message first if at all",
    ),
    "preference": (
        "hold no choice between two answers",
        "give each row a `chosen` and another `rejected` answer, or leave it out",
    ),
}


def findings(splits: Sequence[Examined], view: View) -> list[Finding]:
    """Everything that was found, the gravest first. Rows are read again to name copies."""
    found: list[Finding] = []
    told: set[str] = set()
    for split in splits:
        if not split.rows and not split.refusals.count:
            continue
        found += _unreadable(split, told)
        found += _tallied(split)
        found += _labels(split, splits[0])
    return in_order([*found, *numbered_findings(splits, has_labels=view.label_column is not None)])


def _finding(
    split: Examined, kind: str, severity: Severity, tally: Tally, told: tuple[str, str]
) -> Finding:
    """A finding from a tally; `told` is what the rows do and what to do."""
    what, cure = told
    detail = f" (the first: {tally.detail})" if tally.detail else ""
    share = tally.count / max(split.rows, 1)
    message = rows_that(tally.count, what) + detail
    return Finding(
        kind, severity, split.name, tally.count, min(share, 1.0), tally.rows, message, cure
    )


def _unreadable(split: Examined, told: set[str]) -> list[Finding]:
    """Rows and files that could not be read or hold nothing; parts of one source tell them once."""
    refusals, found = split.refusals, []
    new = [i for i, error in enumerate(refusals.errors) if str(error) not in told]
    told |= {str(error) for error in refusals.errors}
    if new:
        every = len(new) == len(refusals.errors)
        rows = [refusals.origins[i] for i in new[:SHOWN]]
        tally = Tally(refusals.count if every else len(new), rows, str(refusals.errors[new[0]]))
        cure = "mend or leave out what is named; a run stops at the first"
        found.append(_finding(split, "unreadable", "error", tally, ("cannot be read", cure)))
    blank = [origin for origin in refusals.blank if f"blank {origin}" not in told]
    told |= {f"blank {origin}" for origin in blank}
    if blank:
        every = len(blank) == len(refusals.blank)
        tally = Tally(refusals.blank_count if every else len(blank), blank[:SHOWN])
        what = ("hold nothing but white space: a run leaves them out", "delete them")
        found.append(_finding(split, "blank", "warning", tally, what))
    return found


def _tallied(split: Examined) -> list[Finding]:
    """What was seen row by row."""
    found = []
    for key, tally in split.tallies.items():
        kind, _, column = key.partition(":")
        if kind in SIGNS:
            severity, what, cure = SIGNS[kind]
            found.append(_finding(split, kind, severity, tally, (what, cure)))
        elif kind in _STRUCTURE:
            found.append(_finding(split, kind, "error", tally, _STRUCTURE[kind]))
        elif kind == "missing_column":
            hint = "" if column in split.columns else did_you_mean(column, split.columns)
            what = f"have no column `{column}`; the first has {', '.join(split.columns)}{hint}"
            cure = "name the right column in the task's options (text_column, label_column)"
            found.append(_finding(split, kind, "error", tally, (what, cure)))
        elif kind == "missing_value":
            told = (f"have nothing in column `{column}`", "fill it in or leave the rows out")
            found.append(_finding(split, kind, "error", tally, told))
        else:
            told = (f"hold something other than text in column `{column}`", "write it as text")
            found.append(_finding(split, kind, "error", tally, told))
    return found


def _labels(split: Examined, train: Examined) -> list[Finding]:
    """Labels that are alike, unknown or rare, and one that outweighs all others."""
    counts, found = split.labels, []
    if not counts:
        return []

    def add(severity: Severity, trouble: labels.LabelTrouble, cure: str) -> None:
        count = sum(counts[name] for name in trouble.labels)
        rows = [row for name in trouble.labels for row in split.first_with_label[name]][:SHOWN]
        message = rows_that(count, trouble.message)
        share = count / split.rows
        found.append(Finding(trouble.kind, severity, split.name, count, share, rows, message, cure))

    for trouble in labels.alike(counts):
        add("warning", trouble, "write each class one way; as it is, each is learned by itself")
    if split is train and (few := labels.rare(counts)) is not None:
        add("note", few, "gather more rows of them, or merge classes")
    if split is not train and (unknown := labels.unknown(counts, train.labels)) is not None:
        add("error", unknown, "mend the labels, or add training rows that have them")
    name, share = majority(counts) or ("", 0.0)
    if share >= labels.LOPSIDED and len(counts) > 1:
        message = f"{share:.1%} of the rows have the label {name!r}"
        cure = "read macro_f1 rather than accuracy; always this label is the baseline to beat"
        found.append(
            Finding("lopsided", "note", split.name, counts[name], share, [], message, cure)
        )
    return found
