"""The part of the `train` section that decides how the machine is used: speed, never the result."""

from typing import Any, Literal

from pydantic import Field, model_validator

from lmkit.recipe.base import Section


class MachineSection(Section):
    """Precision, compilation, memory, data loading and several processes."""

    precision: Literal["auto", "float32", "bfloat16", "float16"] = "auto"
    """Type in which matrices are multiplied; the weights stay in float32. `auto`: bfloat16 where
    the hardware multiplies it, float16 on older NVIDIA GPUs, else float32."""
    compile: Literal["auto"] | bool = "auto"
    """Compile the model with `torch.compile`. `auto`: where a compiler is present and the run is
    long enough to repay it."""
    deterministic: bool = False
    """Use only operations that give the same bits each time, at some cost on GPUs."""
    tf32: bool | None = None
    """TensorFloat-32 in the float32 products of NVIDIA GPUs; left out, as torch chooses."""
    activation_checkpointing: bool | None = None
    """Compute activations anew in the backward pass: less memory, about a fifth slower."""
    activation_checkpointing_kwargs: dict[str, Any] | None = None
    """Further arguments of it, such as `every_n_layers: 2`."""
    use_liger_kernel: bool = False
    """Use the fused GPU kernels of the package `liger-kernel`."""
    liger_kernel_config: dict[str, bool] | None = None
    """Which of those kernels, such as `rope: true`."""
    torch_empty_cache_steps: int | None = Field(default=None, ge=1)
    """Steps between two releases of the device's cached memory; left out, never."""
    train_sampling_strategy: Literal[
        "random", "sequential", "group_by_length", "batch_rebalance"
    ] = "random"
    """The order of the training sequences within a pass."""
    dataloader_num_workers: int = Field(default=0, ge=0)
    """Processes that prepare batches; 0: the training process does it itself."""
    dataloader_pin_memory: bool = True
    """Keep batches in page-locked memory, from which GPUs copy faster."""
    dataloader_persistent_workers: bool = False
    """Keep those processes from one pass to the next."""
    dataloader_prefetch_factor: int | None = Field(default=None, ge=1)
    """Batches each of those processes prepares ahead; left out, 2."""
    dataloader_multiprocessing_context: Literal["fork", "spawn", "forkserver"] | None = None
    """How those processes are started; left out, as torch chooses."""
    parallel: Literal["ddp", "fsdp"] = "ddp"
    """What several processes share: nothing but gradients (`ddp`: each holds the whole model), or
    weights, gradients and the optimizer's state too (`fsdp`: each holds a part, and checkpoints are
    written in parts; while a split is scored each holds the whole weights). DeepSpeed is not there:
    its ZeRO checkpoints are pickles, which can run code."""
    ddp_backend: Literal["nccl", "gloo", "mpi", "xccl", "hccl", "cncl", "mccl"] | None = None
    """How processes talk; left out, nccl between GPUs and gloo between CPUs."""
    ddp_timeout: int | None = Field(default=None, ge=1)
    """Seconds after which a process that does not answer ends the run; left out, 60 on CPUs and
    1800 between GPUs. Long work of one process is no silence."""
    ddp_find_unused_parameters: bool | None = None
    """Allow parameters that get no gradient in a step; left out, as transformers chooses."""
    ddp_bucket_cap_mb: int | None = Field(default=None, ge=1)
    """Size of the messages that carry gradients, in MiB; left out, 25."""
    ddp_broadcast_buffers: bool | None = None
    """Send the model's buffers with each forward pass; left out, as transformers chooses."""
    ddp_static_graph: bool | None = None
    """Promise torch that the graph never changes; left out, no promise."""

    @model_validator(mode="after")
    def _loader_processes(self) -> "MachineSection":
        if self.dataloader_num_workers == 0:
            for key in (
                "dataloader_prefetch_factor",
                "dataloader_persistent_workers",
                "dataloader_multiprocessing_context",
            ):
                if getattr(self, key):
                    raise ValueError(
                        f"train.{key}: needs `train.dataloader_num_workers` of at least 1"
                    )
        return self

    @model_validator(mode="after")
    def _nothing_ignored(self) -> "MachineSection":
        for key, switch in (
            ("activation_checkpointing_kwargs", "activation_checkpointing"),
            ("liger_kernel_config", "use_liger_kernel"),
        ):
            if getattr(self, key) is not None and not getattr(self, switch):
                raise ValueError(f"train.{key}: only with `train.{switch}: true`")
        return self
