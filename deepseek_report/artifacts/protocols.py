"""The interfaces between the plug-in folders, which never import one another."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from deepseek_report.artifacts.explanation import Explanation, OutputSpace
from deepseek_report.artifacts.picture import Picture
from deepseek_report.artifacts.predictions import Cases, Predictions
from deepseek_report.artifacts.schema import Modality, Schema, Task
from deepseek_report.artifacts.score import Category, Measurement
from deepseek_report.artifacts.split import Dataset, Split

if TYPE_CHECKING:
    from torch import Tensor

    from deepseek_report.artifacts.results import Results

#: What a model can hand out; explainers, metrics and pictures name what they need. "module": layers
#: and weights of a torch module that was trained epoch by epoch; "trees": see `TreeClassifier`;
#: "intrinsic": see `IntrinsicModule`, and "shape_functions" where moreover the contribution of a
#: column depends on that column alone; "prototypes": see `PrototypeModule`.
Capability = Literal[
    "module",
    "gradients",
    "attention",
    "routing",
    "experts",
    "trees",
    "intrinsic",
    "shape_functions",
    "prototypes",
]


@dataclass(frozen=True)
class Nature:
    """What is known of a data set before it is read: how its columns stand, what is predicted.

    truth : whether the columns that make the label are known, see `Split.truth`.
    """

    modality: Modality = "table"
    task: Task = "classification"
    truth: bool = False


class Progress(Protocol):
    """Tells a person how far a long stage is; `advance` is cheap enough for inner loops."""

    def start(self, what: str, total: int | None) -> None: ...

    def advance(self, steps: int = 1, note: str = "") -> None: ...


class Silent:
    """A `Progress` that says nothing."""

    def start(self, what: str, total: int | None) -> None:
        pass

    def advance(self, steps: int = 1, note: str = "") -> None:
        pass


@dataclass(frozen=True)
class LayerTrace:
    """What one layer decided, for a batch. None where the layer has no such part.

    attention : {branch: (instance, head, query token, key token)}, rows sum to 1, but rows of
        tokens that are not there (a text has ended) are 0; branches are "local" and "global". The
        tokens are those of `token_columns`: a model with many tokens hands out groups of
        neighbours, the attention to a group summed and that of its members averaged.
    routes : {branch: (instance, head)}, the router's weight of each head; over all branches and
        heads of an instance they sum to 1.
    expert_weights : (instance, token, expert), 0 for experts that were not chosen; sums to 1, but
        is 0 for tokens that are not there.
    """

    attention: Mapping[str, Tensor] | None = None
    routes: Mapping[str, Tensor] | None = None
    expert_weights: Tensor | None = None


class ExplainableModule(Protocol):
    """What a torch module offers so that every explainer works on it.

    `embed` maps original features to units (the place where gradients are taken), and
    `forward_embedded` goes on from there; `forward` is their composition and nothing else.
    """

    unit_features: Sequence[int]
    """For each unit the position of the column that it belongs to, -1 for none (a summary token).
    A unit never covers two columns: a model that reads patches or windows embeds each column as
    a unit of its own, and joins them in `forward_embedded`."""

    def embed(self, inputs: Tensor) -> Tensor:
        """(instance, feature) original units -> (instance, unit, width)."""

    def forward_embedded(self, embedded: Tensor) -> Tensor:
        """(instance, unit, width) -> logits (instance, class).

        With a number as target (instance, 1), the number in its unit; with several labels
        (instance, 2), 0 and the logit of the reported label. `models.outputs.Outputs` does both.
        """

    def trace(
        self, inputs: Tensor, head_mask: Tensor | None = None
    ) -> tuple[Tensor, list[LayerTrace]]:
        """Logits, and what each layer decided. `forward` is the first part of this very call.

        head_mask : (layer, branch, head) of 0 and 1, multiplied into the routes; or None.
        A module without such layers returns an empty list.
        """

    @property
    def token_columns(self) -> Sequence[Sequence[int]]:
        """For each attention token of `trace` the positions of its columns (a feature, the pixels
        of a patch, the steps of a window); empty for a summary token.
        """

    def forward_with_balance(self, inputs: Tensor) -> tuple[Tensor, Tensor]:
        """What training looks at: outputs, and how unevenly the experts are used (0 without).

        The outputs are (instance, class) logits, (instance, label) logits of all labels, or
        (instance, 1) the number; `Target.n_outputs` says how many.
        """

    def architecture(self) -> dict[str, Any]:
        """The content of `architecture.json`: name, summary, parameters and layers."""


class IntrinsicModule(Protocol):
    """The optional part of a module with the capability "intrinsic": it computes by summing up."""

    def intrinsic(self, inputs: Tensor, target: int) -> tuple[Tensor, Tensor]:
        """The model's own account of what each column contributed.

        Parameters
        ----------
        inputs : (instance, column) original units.
        target : position of the class that is explained; 0 where the target is a number.

        Returns
        -------
        Values (instance, column) and base values (instance,), whose sum is exactly the number, or
        the logit of the target less the mean of the others' logits (with two classes: the
        log-odds).
        """


class PrototypeModule(Protocol):
    """The optional part of a module with the capability "prototypes"."""

    def prototypes(self) -> tuple[Tensor, Tensor, Tensor]:
        """Inputs (prototype, column), instance ids and classes (prototype,) of training cases."""

    def evidence(self, inputs: Tensor) -> tuple[Tensor, Tensor]:
        """(instance, prototype) what each adds to the logit of its class, and the distances."""


@runtime_checkable
class SaysWhatIsRead(Protocol):
    """The optional part of a module with attention whose output does not read the summary token."""

    def reading(self, inputs: Tensor) -> Tensor:
        """(instance, token) how much of each token's last state the output reads; sums to 1."""


class Classifier(Protocol):
    """A trained classifier that takes original features as numpy arrays.

    Counts the rows that it evaluated in `calls`, which explainers report. Where the target is a
    number, `logits`, `probabilities` and `log_odds` all give the number itself, (instance, 1) or
    (instance,); `ExplainContext` tells explainers which of the two they have.
    """

    schema: Schema
    module: Any
    name: str
    capabilities: frozenset[Capability]
    calls: int

    def logits(self, inputs: NDArray[np.float64]) -> NDArray[np.float64]:
        """(instance, feature) -> (instance, class)."""

    def probabilities(self, inputs: NDArray[np.float64]) -> NDArray[np.float64]:
        """(instance, feature) -> (instance, class), rows sum to 1."""

    def log_odds(self, inputs: NDArray[np.float64], target: int) -> NDArray[np.float64]:
        """(instance, feature) -> (instance,) log p / (1 - p) of the target class."""

    def label_probabilities(self, inputs: NDArray[np.float64]) -> NDArray[np.float64]:
        """(instance, feature) -> (instance, label) of a multi-label target, each in [0, 1]."""

    def randomised(self, seed: int) -> Classifier:
        """A copy whose weights are drawn anew, for the model-parameter randomisation test."""


@runtime_checkable
class TreeClassifier(Protocol):
    """The optional part of a Classifier that has the capability "trees"."""

    @property
    def trees(self) -> Any:
        """The fitted ensemble, over one column per feature."""

    def columns(self, inputs: NDArray[np.float64]) -> NDArray[np.float64]:
        """(instance, feature) original units -> (instance, feature) as the trees read them."""


# --- the plug-ins: frozen dataclasses whose fields are the schema of their YAML -------------------


class DatasetPlugin(Protocol):
    """Loads, checks and splits one source of data."""

    def load(self, seed: int, progress: Progress) -> Dataset: ...

    def source_digest(self) -> str:
        """SHA-256 of the source, so that an edited file is noticed."""

    @property
    def nature(self) -> Nature:
        """What `check` must know before the data are read."""

    def problems(self) -> Sequence[str]:
        """What is wrong with the configuration or the source, as far as a glance can tell."""


class ModelPlugin(Protocol):
    """Builds one family of models.

    modalities, tasks : what the family can be trained on; data of another nature are a problem
    that `check` reports.
    """

    capabilities: ClassVar[frozenset[Capability]]
    modalities: ClassVar[frozenset[Modality]]
    tasks: ClassVar[frozenset[Task]]

    def build(self, schema: Schema, train: Split, seed: int) -> Any:
        """A torch module (see ExplainableModule); statistics are taken from `train` alone."""

    def wrap(self, module: Any, schema: Schema, device: str) -> Classifier: ...


@runtime_checkable
class BringsTrainer(Protocol):
    """The optional part of a ModelPlugin whose models the configured trainer cannot train."""

    def own_trainer(self) -> Trainer | None:
        """What trains instead of the configured trainer; None: the configured one."""


@runtime_checkable
class SuitsData(Protocol):
    """The optional part of a ModelPlugin that hands out less for some data than for others."""

    def capabilities_for(self, schema: Schema) -> frozenset[Capability]:
        """What the model of such data hands out."""


def capabilities_of(model: ModelPlugin, schema: Schema) -> frozenset[Capability]:
    """What a model of such data hands out."""
    return model.capabilities_for(schema) if isinstance(model, SuitsData) else model.capabilities


def name_of(model: ModelPlugin) -> str:
    """What sentences call a model: the class of its plug-in, or what it says in `called`."""
    return str(getattr(model, "called", type(model).__name__))


@runtime_checkable
class Restores(Protocol):
    """The optional part of a ModelPlugin whose models are not a state dict in safetensors."""

    def restore(self, built: Any, train: Split, folder: Path) -> None:
        """Make what `build` gave the trained model of a folder; ArtifactError if it cannot be."""


@runtime_checkable
class NamesOthers(Protocol):
    """The optional part of a ModelPlugin whose YAML names code or files of the user's own."""

    def problems(self, trusted: Sequence[str]) -> Sequence[str]:
        """What is wrong with them; code is loaded from packages in `trusted` alone."""

    def source_digest(self) -> str:
        """Hash of them, so that edited code or another file is noticed."""


@dataclass(frozen=True)
class ExplainContext:
    """What an explainer may use.

    inputs : (instance, feature) to be explained; background : a seeded sample of training rows.
    target : position of the class to explain, 0 where the target is a number.
    """

    classifier: Classifier
    inputs: NDArray[np.float64]
    positions: NDArray[np.int64]
    background: NDArray[np.float64]
    target: int
    seed: int
    progress: Progress = field(default_factory=Silent)

    @property
    def is_number(self) -> bool:
        return self.classifier.schema.target.is_number

    def output(self, rows: NDArray[np.float64]) -> NDArray[np.float64]:
        """(row,) what sampling methods explain: the target's probability, or the number."""
        return self.classifier.probabilities(rows)[:, self.target]

    @property
    def output_space(self) -> OutputSpace:
        return "value" if self.is_number else "probability"

    def margin(self, rows: NDArray[np.float64]) -> NDArray[np.float64]:
        """(row,) what gradient methods explain: the target's log-odds, or the number."""
        return self.classifier.log_odds(rows, self.target)

    @property
    def margin_space(self) -> OutputSpace:
        return "value" if self.is_number else "logit"


class ExplainerPlugin(Protocol):
    """Explains a classifier on its original features.

    An explainer, a metric or a picture that cannot do with every kind of data or target declares
    `modalities` or `tasks`, as a model does; without them it takes all.
    """

    requires: ClassVar[frozenset[Capability]]
    samples: ClassVar[bool]
    """Whether the method draws at random, and so has a standard error."""

    def explain(self, context: ExplainContext) -> Explanation: ...

    def planned_calls(self, n_instances: int, n_features: int, n_background: int) -> int:
        """How many rows the model will evaluate, before anything runs.

        `n_features` is how many things are taken away one by one: the features of a table, the
        players of a layout. For texts it is the most, since they differ in length.
        """

    def refuses(self, model: ModelPlugin, nature: Nature) -> str | None:
        """Why this method cannot explain the model of such data, or None if it can."""


@runtime_checkable
class SuitsModel(Protocol):
    """The optional part of an ExplainerPlugin whose algorithm depends on the model or the data."""

    def suited_to(self, capabilities: frozenset[Capability], schema: Schema) -> ExplainerPlugin:
        """The same explainer with its choice made; its `planned_calls` are those of the run."""


Scope = Literal["model", "explainer", "explainers"]


@dataclass(frozen=True)
class MeasureContext:
    """What a metric may use. A metric names the fields it reads in its `reads`; where these are
    only `dataset` and `seed`, it runs before there is a model and the other fields are None.

    explanation : the one to judge (scope "explainer"); control : that of `random`, or None.
    explanations : all of them (scope "explainers"). explain : runs the same explainer on other
    inputs with a given classifier and returns values (instance, feature).
    """

    dataset: Dataset
    predictions: Predictions
    validation_predictions: Predictions
    cases: Cases
    classifier: Classifier
    seed: int
    background: NDArray[np.float64]
    explanation: Explanation | None = None
    control: Explanation | None = None
    explanations: Mapping[str, Explanation] = field(default_factory=dict)
    explain: Callable[[Classifier, NDArray[np.float64]], NDArray[np.float64]] | None = None
    progress: Progress = field(default_factory=Silent)


class MetricPlugin(Protocol):
    """Measures one thing about a model, an explanation, or several explanations."""

    category: ClassVar[Category]
    scope: ClassVar[Scope]
    reads: ClassVar[frozenset[str]]
    """Fields of MeasureContext that decide the result; the cache key is made from these."""
    requires: ClassVar[frozenset[Capability]]
    volatile: ClassVar[bool]
    """True where the metric measures time or memory, which differ from run to run."""
    produces: ClassVar[frozenset[str]]
    """Names of scores besides the metric's own key, so that thresholds on them are known. A metric
    or a picture that compares with `Split.truth` says `needs_truth: ClassVar[bool] = True`."""

    def measure(self, context: MeasureContext) -> Measurement: ...


class VisualizationPlugin(Protocol):
    """Draws one or several pictures from stored results."""

    section: ClassVar[str]
    """The section that shows its pictures, after those that the section places by name."""
    needs: ClassVar[frozenset[str]]
    """Ids of what it draws from: `training`, `predictions`, `explanations`, `measures/<metric>`.
    Beside it a picture may declare `requires`, capabilities of the model, as a metric does."""

    def draw(self, results: Results) -> Sequence[Picture]: ...


@dataclass(frozen=True)
class SectionContent:
    """What a section's template is filled with.

    question, answer : two sentences. values : for the template. caveats, actions : whole sentences
    that this run triggers. incomplete : why parts that were asked for are missing.
    """

    name: str
    title: str
    question: str
    answer: str
    values: Mapping[str, Any] = field(default_factory=dict)
    caveats: Sequence[str] = ()
    actions: Sequence[str] = ()
    incomplete: Sequence[str] = ()


class SectionPlugin(Protocol):
    """Computes what one section of the report says."""

    title: ClassVar[str]
    needs: ClassVar[frozenset[str]]
    """Ids without which the section says that it is incomplete."""

    def content(self, results: Results) -> SectionContent: ...


class Trainer(Protocol):
    """Trains a module."""

    def fit(
        self,
        module: Any,
        dataset: Dataset,
        folder: Path,
        seed: int,
        device: str,
        progress: Progress,
    ) -> None:
        """Train in place; write weights, history and summary to `folder`."""
