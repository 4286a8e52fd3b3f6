"""Job files in YAML: plain values in their order, scripts as blocks that can be read."""

import io
from collections.abc import Mapping, Sequence
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.nodes import ScalarNode
from ruamel.yaml.representer import SafeRepresenter


def documents(head: str, parts: Sequence[Mapping[str, Any]]) -> str:
    """Comments, then one or several documents.

    Args:
        head: lines that become the comments at the top.
        parts: the documents; a text of several lines is written as a block.
    """
    yaml = YAML(typ="safe", pure=True)
    yaml.Representer = _Representer
    yaml.default_flow_style = False
    yaml.sort_base_mapping_type_on_output = False  # type: ignore[assignment] # ruamel: "None or a bool"
    yaml.width = 1_000_000  # no value is folded
    stream = io.StringIO()
    yaml.dump_all(list(parts), stream)
    comments = "".join(f"# {line}".rstrip() + "\n" for line in head.splitlines())
    return comments + stream.getvalue()


class _Representer(SafeRepresenter):
    """Writes texts so that readers of YAML 1.1 and 1.2 read them alike."""

    def ignore_aliases(self, data: Any) -> bool:  # noqa: ARG002 - a job file has no anchors
        return True

    def represent_text(self, data: str) -> ScalarNode:
        """A block where there are several lines, bare only what is a word or a path."""
        bare = (data[:1].isalpha() or data.startswith("/")) and data.isprintable()
        style = None if bare and data.lower() not in _RESERVED else '"'
        if "\n" in data and all(line.isprintable() for line in data.split("\n")):
            style = "|"
        return self.represent_scalar("tag:yaml.org,2002:str", data, style=style)


_RESERVED = frozenset(("y", "n", "yes", "no", "on", "off"))  # in YAML 1.1 alone
_Representer.add_representer(str, _Representer.represent_text)
