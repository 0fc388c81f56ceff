"""A trained model as explainers and metrics see it: numpy arrays in, numpy arrays out."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Protocol

from deepseek_report.artifacts.array_types import Bools, Floats, Ints
from deepseek_report.artifacts.message import message
from deepseek_report.artifacts.protocols.trees import TreeEnsemble
from deepseek_report.artifacts.schema import Schema
from deepseek_report.errors import NotApplicableError

if TYPE_CHECKING:
    from transformers import PreTrainedModel


#: What a model can hand out; explainers, metrics and pictures name what they need. "module": layers
#: and weights of a torch module that was trained epoch by epoch; "trees": see `Classifier.trees`;
#: "intrinsic": see `IntrinsicModule`, and "shape_functions" where moreover the contribution of a
#: column depends on that column alone; "prototypes": see `HasPrototypes`; "rules": the whole model
#: is a list of rules over columns; "language_model": see `Classifier.language_model`.
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
    "rules",
    "language_model",
]


class LanguageModel(Protocol):
    """A model that says after each token how likely each token of its vocabulary is to follow.

    net : a causal language model of transformers (`AutoModelForCausalLM`), in evaluation mode,
    float32, with attention computed openly ("eager"). tokens : (vocabulary,) the text of each
    token.
    """

    net: PreTrainedModel
    tokens: Sequence[str]

    def next_logits(self, ids: Ints) -> Floats:
        """(prompt, token) ids without padding -> (prompt, token, vocabulary) of what follows."""


class Classifier:
    """Base of a trained classifier that takes original features as numpy arrays.

    Counts the rows that it evaluated in `calls`, which explainers report. Where the target is a
    number, `logits`, `probabilities` and `log_odds` all give the number itself, (instance, 1) or
    (instance,); `ExplainContext` tells explainers which of the two they have.
    """

    schema: Schema
    module: Any
    name: str
    capabilities: frozenset[Capability]
    calls: int

    def logits(self, inputs: Floats) -> Floats:
        """(instance, feature) -> (instance, class)."""
        raise NotImplementedError

    def probabilities(self, inputs: Floats) -> Floats:
        """(instance, feature) -> (instance, class), rows sum to 1."""
        raise NotImplementedError

    def log_odds(self, inputs: Floats, target: int) -> Floats:
        """(instance, feature) -> (instance,) log p / (1 - p) of the target class."""
        raise NotImplementedError

    def label_probabilities(self, inputs: Floats) -> Floats:
        """(instance, feature) -> (instance, label) of a multi-label target, each in [0, 1]."""
        raise NotImplementedError

    def randomised(self, seed: int) -> Classifier:
        """A copy whose weights are drawn anew, for the model-parameter randomisation test.

        Raises NotApplicableError: it has no weights.
        """
        raise NotApplicableError(message("model_refusals.no_weights", model=self.name))

    def decided(self, inputs: Floats) -> Ints | None:
        """(instance, feature) -> (instance,) class of the schema that the model itself decides for;
        None where it names no class.
        """
        return None

    def logits_of(self, instance_ids: Ints) -> Floats | None:
        """(instance, class) of these rows of the source, or (instance, 1) numbers, where the
        answers for the rows of the data are all that is known of a model; else None.
        """
        return None

    # Mixtures of rows, and rows with moved cells, that are answered with little work.

    mixes: ClassVar[bool] = False
    """Whether `mixing` answers."""

    def mixing(
        self, row: Floats, references: Floats, owners: Ints
    ) -> Callable[[Bools, Ints], Floats] | None:
        """What answers for the row of which some players keep their columns.

        Parameters
        ----------
        row : array
            (column,) in original units.
        references : array
            (reference, column).
        owners : array
            (column,) the player that it belongs to.

        Returns
        -------
        A function of kept (mixture, player) and of which reference (mixture,) that gives
        `probabilities` (mixture, class) of the rows whose columns are the row's where their player
        is kept, else those of the reference. None where each mixture is a row like any other.
        """
        return None

    def moving(self, rows: Floats) -> Callable[[Ints, Ints, Floats], Floats] | None:
        """What answers for rows (row, column), in original units, of which a few cells are moved.

        Returns
        -------
        A function of which rows (probe,), and of which columns and values, each (probe, cell) with
        no column twice in a probe, that gives `probabilities` (probe, class) of these rows with
        these values of these columns. None where each of them is a row like any other.
        """
        return None

    # With the capability "trees".

    @property
    def trees(self) -> TreeEnsemble:
        """The trees, over one column per feature, with an output for each class or the number."""
        raise NotImplementedError

    def columns(self, inputs: Floats) -> Floats:
        """(instance, feature) original units -> (instance, feature) as the trees read them."""
        raise NotImplementedError

    # With the capability "intrinsic", of a model that is no torch module.

    def own_terms(self, inputs: Floats, target: int) -> tuple[Floats, Floats] | None:
        """(instance, column) -> what each column adds, and base values; see `IntrinsicModule`. None
        where the module says it.
        """
        return None

    def curves(self, inputs: Floats, target: int) -> Floats | None:
        """(instance, column) -> (instance, column) what each adds by itself, without pairs; None
        where there are no pairs.
        """
        return None

    def surfaces(self, target: int) -> Mapping[tuple[int, int], Callable[[Floats], Floats]]:
        """{two columns: what the pair adds to rows (instance, column)}."""
        return {}

    # With the capability "language_model": its classes are tokens that may come next, and a row is
    # the text before the place that is asked about.

    @property
    def language_model(self) -> LanguageModel:
        """The model itself."""
        raise NotImplementedError

    @property
    def class_tokens(self) -> Ints:
        """(class,) the token of each class of the schema."""
        raise NotImplementedError

    def token_ids(self, inputs: Floats) -> list[Ints]:
        """(instance, column) -> for each row its token ids, without padding, as the model reads."""
        raise NotImplementedError


class ChangedInputs(Classifier):
    """Base of a classifier that asks another one about changed inputs."""

    classifier: Classifier

    def changed(self, inputs: Floats) -> Floats:
        """(instance, feature) the rows that the other one is asked about instead."""
        raise NotImplementedError

    def logits(self, inputs: Floats) -> Floats:
        return self.classifier.logits(self.changed(inputs))

    def probabilities(self, inputs: Floats) -> Floats:
        return self.classifier.probabilities(self.changed(inputs))

    def log_odds(self, inputs: Floats, target: int) -> Floats:
        return self.classifier.log_odds(self.changed(inputs), target)

    def label_probabilities(self, inputs: Floats) -> Floats:
        return self.classifier.label_probabilities(self.changed(inputs))

    @property
    def trees(self) -> TreeEnsemble:
        """Those of the other one; what they read is changed."""
        return self.classifier.trees

    def columns(self, inputs: Floats) -> Floats:
        return self.classifier.columns(self.changed(inputs))
