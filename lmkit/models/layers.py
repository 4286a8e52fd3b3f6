"""The layers of a model, and how deep in it a parameter lies: embeddings, layers, the head."""

from torch import nn
from transformers import PreTrainedModel


def depths(model: PreTrainedModel) -> dict[str, int]:
    """The depth of each parameter by name: 0 in the embeddings, 1 to L in the layers, L + 1 above.

    A layer is an entry of the outermost lists of alike modules inside the base model; an encoder
    and a decoder count theirs side by side. Embeddings are the tables and what stands beside them
    (their norm), where that module holds nothing else.
    """
    base = model.base_model
    start = f"{model.base_model_prefix}." if base is not model else ""
    names = {id(module): name for name, module in base.named_modules()}
    outermost = {f"{start}{name}.": len(module) for name, module in _lists(base).items()}
    tables = {f"{start}{names[id(table)]}." for table in _embeddings(base)}
    last = max(outermost.values(), default=0)
    return {
        name: _depth(name, start, outermost, tables, last) for name, _ in model.named_parameters()
    }


def layer_modules(model: PreTrainedModel) -> list[nn.Module]:
    """The layers themselves, in the order in which the model lists them."""
    return [layer for listed in _lists(model.base_model).values() for layer in listed]


def _lists(base: nn.Module) -> dict[str, nn.ModuleList]:
    """The outermost lists of alike modules inside the base model, by name."""
    lists = {
        name: module
        for name, module in base.named_modules()
        if isinstance(module, nn.ModuleList) and len({type(item) for item in module}) == 1
    }
    return {
        name: module
        for name, module in lists.items()
        if not any(name != other and name.startswith(f"{other}.") for other in lists)
    }


def _depth(name: str, start: str, lists: dict[str, int], tables: set[str], last: int) -> int:
    if not name.startswith(start):
        return last + 1
    for place in lists:
        if name.startswith(place):
            return int(name.removeprefix(place).partition(".")[0]) + 1
    return 0 if any(name.startswith(table) for table in tables) else last + 1


def _embeddings(base: nn.Module) -> list[nn.Module]:
    """The modules that hold embedding tables and no layers, else the tables themselves."""
    found: list[nn.Module] = []
    for module in base.modules():
        tables = [child for child in module.children() if isinstance(child, nn.Embedding)]
        if not tables:
            continue
        holds_layers = any(isinstance(child, nn.ModuleList) for child in module.modules())
        found += tables if holds_layers or module is base else [module]
    return found
