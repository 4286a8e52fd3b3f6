"""Names of `TrainingArguments` that the `train` section does not take, and what to write instead.

`OWNED`: names of today whose job another key, an option or a promise of lmkit has taken over.
`REMOVED`: names of earlier versions that many recipes on the web still hold. The values are the
cure, as a clause that ends the message.
"""

from typing import Literal

OptimizerName = Literal[
    "adam", "muon",
    "adamw_torch", "adamw_torch_fused", "adamw_torch_xla", "adamw_torch_npu_fused", "adafactor",
    "adamw_anyprecision", "adamw_torch_4bit", "adamw_torch_8bit", "ademamix", "sgd", "adagrad",
    "adamw_bnb_8bit", "adamw_8bit", "ademamix_8bit", "lion_8bit", "lion_32bit",
    "paged_adamw_32bit", "paged_adamw_8bit", "paged_ademamix_32bit", "paged_ademamix_8bit",
    "paged_lion_32bit", "paged_lion_8bit", "rmsprop", "rmsprop_bnb", "rmsprop_bnb_8bit",
    "rmsprop_bnb_32bit", "galore_adamw", "galore_adamw_8bit", "galore_adafactor",
    "galore_adamw_layerwise", "galore_adamw_8bit_layerwise", "galore_adafactor_layerwise", "lomo",
    "adalomo", "grokadamw", "schedule_free_radam", "schedule_free_adamw", "schedule_free_sgd",
    "apollo_adamw", "apollo_adamw_layerwise", "stable_adamw",
]  # fmt: skip
"""`transformers.OptimizerNames`, and lmkit's `adam` and `muon`."""

OWN_OPTIMIZERS = ("adam", "muon")
"""Values of `optim` that transformers does not have."""

SchedulerName = Literal[
    "linear", "cosine", "cosine_with_restarts", "polynomial", "constant", "constant_with_warmup",
    "inverse_sqrt", "reduce_lr_on_plateau", "cosine_with_min_lr", "cosine_warmup_with_min_lr",
    "warmup_stable_decay", "greedy",
]  # fmt: skip
"""`transformers.SchedulerType`."""

Reporter = Literal[
    "none", "all", "azure_ml", "clearml", "codecarbon", "comet_ml", "dagshub", "dvclive", "flyte",
    "kubeflow", "mlflow", "neptune", "swanlab", "tensorboard", "trackio", "wandb",
]  # fmt: skip
"""The loggers that transformers has callbacks for."""

_PRECISION = "use `train.precision` (auto, float32, bfloat16 or float16)"
_COMPILE = "use `train.compile` (auto, true or false)"
_PARALLEL = "use `train.parallel`, which tells what there is"
_METRICS = "evaluation keeps a few numbers an example and no logits, so there is nothing to set"
_COLUMNS = "columns are named in `task` (`text_column`, `label_column`, ...)"
_QUIET = "use the option `--quiet`"
_UPLOAD = "when the run is done, `hf upload ORG/NAME RUN/model` puts its model on the hub"
_GUARD = "losses and gradients are checked at every step; see `train.on_nonfinite`"
_RESUME = "use the option `--resume`, which always restores everything"

OWNED = {
    "output_dir": "`output_dir` stands at the top of the recipe (or use the option `-o DIR`)",
    "resume_from_checkpoint": "use the option `--resume`",
    "restore_callback_states_from_checkpoint": _RESUME,
    "ignore_data_skip": _RESUME,
    "bf16": _PRECISION,
    "fp16": _PRECISION,
    "bf16_full_eval": _PRECISION,
    "fp16_full_eval": _PRECISION,
    "torch_compile": _COMPILE,
    "torch_compile_backend": _COMPILE,
    "torch_compile_mode": _COMPILE,
    "fsdp": _PARALLEL,
    "fsdp_config": _PARALLEL,
    "deepspeed": "its checkpoints (ZeRO) are pickles, which can run code; `train.parallel: fsdp` "
    "shares the same among processes",
    "parallelism_config": _PARALLEL,
    "accelerator_config": "batches are dealt out by lmkit, so that no row is read twice",
    "local_rank": "the launcher sets it; use the option `--processes N`",
    "use_cpu": "a GPU is used where there is one; `CUDA_VISIBLE_DEVICES= lmkit ...` hides it",
    "gradient_checkpointing": "its name today is `activation_checkpointing`",
    "gradient_checkpointing_kwargs": "its name today is `activation_checkpointing_kwargs`",
    "use_cache": "training never keeps the key-value cache: with it, packed documents would mix",
    "auto_find_batch_size": (
        "use `train.total_batch_size`; `train.per_device_train_batch_size` is what must fit into "
        "the memory, and the result does not depend on it"
    ),
    "average_tokens_across_devices": "the loss is always the mean over the items of all processes",
    "full_determinism": "use `train.deterministic`",
    "logging_nan_inf_filter": "logged numbers are never replaced; see `train.on_nonfinite`",
    "debug": _GUARD,
    "include_num_input_tokens_seen": "metrics.jsonl counts the tokens of every line",
    "skip_memory_metrics": "summary.json always holds the peak memory",
    "log_on_each_node": "only the first process writes",
    "log_level": _QUIET,
    "log_level_replica": _QUIET,
    "disable_tqdm": _QUIET,
    "prediction_loss_only": _METRICS,
    "eval_do_concat_batches": _METRICS,
    "eval_use_gather_object": _METRICS,
    "eval_accumulation_steps": _METRICS,
    "include_for_metrics": _METRICS,
    "batch_eval_metrics": _METRICS,
    "do_train": "use the command `lmkit pretrain` or `lmkit finetune`",
    "do_eval": "use `train.eval_strategy`, or the command `lmkit eval`",
    "do_predict": "use the command `lmkit predict`",
    "remove_unused_columns": _COLUMNS,
    "label_names": _COLUMNS,
    "length_column_name": "lengths are always known; see `train.train_sampling_strategy`",
    "dataloader_drop_last": "no token is dropped: the last batch is a smaller one",
    "dataloader_in_order": "batches keep their order, so that a resumed run is the same run",
    "save_only_model": "checkpoints are whole, so that `--resume` works; see `save_total_limit`",
    "save_on_each_node": "a checkpoint is written once, by all processes together",
    "enable_jit_checkpoint": "a signal (SIGTERM, Ctrl-C) always leaves a whole checkpoint",
    "push_to_hub": _UPLOAD,
    "hub_model_id": _UPLOAD,
    "hub_strategy": _UPLOAD,
    "hub_always_push": _UPLOAD,
    "hub_revision": _UPLOAD,
    "hub_token": "a secret does not belong into a recipe; set the environment variable HF_TOKEN",
}
"""Names of today's `TrainingArguments` that are no keys of `train`."""


REMOVED = {
    "warmup_ratio": "write `warmup_steps: 0.1` (below 1 it is a share of the steps)",
    "evaluation_strategy": "its name today is `eval_strategy`",
    "evaluate_during_training": "use `eval_strategy: steps`",
    "overwrite_output_dir": "use the option `--overwrite`",
    "logging_dir": "TensorBoard files are always written to `tensorboard/` in the run folder",
    "save_safetensors": "weights are always saved as safetensors",
    "per_gpu_train_batch_size": "its name today is `per_device_train_batch_size`",
    "per_gpu_eval_batch_size": "its name today is `per_device_eval_batch_size`",
    "no_cuda": OWNED["use_cpu"],
    "use_mps_device": "an Apple GPU is used where there is one",
    "use_ipex": _PRECISION,
    "fp16_opt_level": _PRECISION,
    "fp16_backend": _PRECISION,
    "half_precision_backend": _PRECISION,
    "group_by_length": "write `train_sampling_strategy: group_by_length`",
    "adafactor": "write `optim: adafactor`",
    "torchdynamo": _COMPILE,
    "jit_mode_eval": _COMPILE,
    "sharded_ddp": _PARALLEL,
    "fsdp_min_num_params": _PARALLEL,
    "fsdp_transformer_layer_cls_to_wrap": _PARALLEL,
    "xpu_backend": "its name today is `ddp_backend`",
    "tpu_num_cores": "use the option `--processes N`",
    "tpu_metrics_debug": _GUARD,
    "past_index": "no model of today has it",
    "ray_scope": "lmkit does no hyperparameter search",
    "mp_parameters": "SageMaker's model parallelism is not supported; use `train.parallel`",
    "dispatch_batches": OWNED["accelerator_config"],
    "split_batches": OWNED["accelerator_config"],
    "include_inputs_for_metrics": _METRICS,
    "eval_on_each_node": OWNED["log_on_each_node"],
    "include_tokens_per_second": "tokens per second are always logged",
    "push_to_hub_model_id": _UPLOAD,
    "push_to_hub_organization": _UPLOAD,
    "push_to_hub_token": OWNED["hub_token"],
}
"""Names that `TrainingArguments` had in transformers 3 to 4."""
