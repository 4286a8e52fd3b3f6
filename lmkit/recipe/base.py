"""What every section of a recipe shares: strict, frozen, each key described by its docstring."""

from typing import TYPE_CHECKING, Any, ClassVar, Literal

from pydantic import BaseModel, ConfigDict, model_validator

if TYPE_CHECKING:
    from lmkit.recipe.outside_metrics import OutsideMetric

Verb = Literal["pretrain", "finetune"]


class Section(BaseModel):
    """A mapping in a recipe. A key it does not know is an error; once read, it never changes."""

    # Strict: in YAML "3" (quoted) and `no` are text, and are not taken for something else.
    model_config = ConfigDict(
        extra="forbid",
        frozen=True,
        strict=True,
        allow_inf_nan=False,
        use_attribute_docstrings=True,
        protected_namespaces=(),
    )

    @model_validator(mode="before")
    @classmethod
    def _whole_numbers(cls, data: Any) -> Any:
        """`1e5` and `3.0` are whole numbers too; a key that takes any number is none the worse."""
        if not isinstance(data, dict):
            return data
        return {
            key: int(value) if isinstance(value, float) and value.is_integer() else value
            for key, value in data.items()
        }


class TaskOptions(Section):
    """What the options of every task share; a task's own class adds the rest."""

    verb: ClassVar[Verb] = "finetune"
    """The command that trains it; `finetune` takes the tasks of `pretrain` too."""
    has_offsets: ClassVar[bool] = False
    """Whether rows hold offsets into their text, which then must stay as it is."""

    augments: ClassVar[bool] = False
    """Whether `data.augment` may change its training texts: their labels hold for changed ones."""

    shows: ClassVar[bool] = False
    """Whether its model writes texts, or fills in words, which tell a reader how it learns."""

    name: str
    """The task; it decides which other keys this section may hold."""

    @property
    def text_columns(self) -> tuple[str, ...]:
        """The columns that hold the texts of a row, of which it may have some only."""
        return ()

    @property
    def strata(self) -> str | None:
        """The column of the classes that a split should hold in equal shares; None without one."""
        return None

    @property
    def outside_metrics(self) -> "tuple[OutsideMetric, ...]":
        """The metrics that are another's code, which the options say may be run."""
        return ()

    def check_train(self, train: Section) -> None:
        """Hold the `train` section against the task.

        Raises:
            ValueError: a key asks for what the task has not.
        """
        if not self.shows and train.model_dump()["eval_samples"]:
            raise ValueError(
                f"train.eval_samples: a {self.name} model writes no texts; leave it out"
            )
