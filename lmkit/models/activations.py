"""The same activation in one kernel.

transformers writes GPT-2's GELU out as five operations on the widest tensor of a layer. torch has
the same function fused: 0.5 x (1 + tanh(sqrt(2 / pi) (x + 0.044715 x^3))) (Hendrycks and Gimpel
2016, arXiv:1606.08415, section 2). The saved configuration keeps its own name for it.
"""

from torch import nn
from transformers import PreTrainedModel
from transformers.activations import NewGELUActivation


def fuse_activations(model: PreTrainedModel) -> None:
    """Replace every written-out tanh GELU of a model by torch's."""
    for module in list(model.modules()):
        for name, child in module.named_children():
            if type(child) is NewGELUActivation:
                setattr(module, name, nn.GELU(approximate="tanh"))
