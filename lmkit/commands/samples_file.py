"""samples.jsonl: what the model of a run wrote at each of its evaluations."""

import json
from pathlib import Path
from typing import Any

from transformers import PreTrainedModel, PreTrainedTokenizerBase

from lmkit.details.samples import Sample, samples_of, text_of, write_samples
from lmkit.tasks.base import Examples, Task
from lmkit.training.progress import cut_after


class SamplesFile:
    """Appends a line for each sample: {"step", "sample", "given", "text", "wanted"}."""

    def __init__(self, path: Path, count: int, done: int) -> None:
        """Go on with what an interrupted run left.

        Args:
            path: the file.
            count: samples to write each time.
            done: the step from which training goes on; lines of later ones are written again.
        """
        self.path = path
        self.count = count
        self.samples: list[Sample] | None = None
        cut_after(path, done)

    def write(
        self,
        step: int,
        model: PreTrainedModel,
        task: Task[Any],
        tokenizer: PreTrainedTokenizerBase,
        examples: Examples,
    ) -> None:
        """Let the model write, and add its texts, flushed.

        Args:
            step: after which it is.
            model: attached to the task.
            task: says what is given to the model.
            tokenizer: the model's.
            examples: of the validation split, as scored.
        """
        if self.samples is None:
            self.samples = samples_of(task, examples, self.count)
        texts = write_samples(task, model, tokenizer, self.samples)
        with self.path.open("a", encoding="utf-8") as file:
            for place, (sample, text) in enumerate(zip(self.samples, texts, strict=True)):
                line = {
                    "step": step,
                    "sample": place,
                    "given": text_of(tokenizer, sample.given, special=True),
                    "text": text,
                    "wanted": text_of(tokenizer, sample.wanted),
                }
                file.write(json.dumps(line, ensure_ascii=False) + "\n")
