"""What every explainer shares: seeds per instance, chunks, and units summed to features."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any, Literal

import numpy as np

from deepseek_report.artifacts.array_types import Floats
from deepseek_report.artifacts.explanation import Explanation, OutputSpace
from deepseek_report.artifacts.message import Message, Text, message
from deepseek_report.artifacts.protocols.classifier import Capability
from deepseek_report.artifacts.protocols.datasets import DataTraits
from deepseek_report.artifacts.protocols.explainers import ExplainContext, ExplainerPart
from deepseek_report.artifacts.protocols.models import ModelPart
from deepseek_report.data_kinds import kind_of
from deepseek_report.data_kinds.coalitions import differing
from deepseek_report.errors import NotApplicableError
from deepseek_report.statistics.games.tree_shapley import TreeValues
from deepseek_report.statistics.resampling import error_by_batches


def missing_capability(requires: frozenset[Capability], model: ModelPart) -> Message | None:
    """Why a method cannot explain the model, or None where it has all that is required.

    It does not name the method, so that methods with the same reason are told in one sentence.
    """
    for capability in sorted(requires - model.capabilities):
        return message(f"explainer_refusals.needs.{capability}", model=model.called)
    return None


def sum_units(values: Floats, unit_features: Sequence[int], n_features: int) -> Floats:
    """Attributions of original features: the sum over the units that belong to each.

    values : (instance, unit).
    unit_features : for each unit the position of its feature, -1 for none; what such a unit carries
    belongs to no feature and is left out.
    n_features : how many original features there are.
    Returns (instance, feature)
    """
    owner = np.asarray(unit_features, dtype=np.int64)
    units = np.argsort(owner, kind="stable")[np.count_nonzero(owner < 0) :]
    features, first = np.unique(owner[units], return_index=True)
    sums = np.zeros((len(values), n_features))
    if len(units):
        sums[:, features] = np.add.reduceat(np.asarray(values)[:, units], first, axis=1)
    return sums


def chunks(n: int, size: int) -> Iterator[slice]:
    """Consecutive slices of at most `size` that cover 0 … n − 1."""
    return (slice(start, min(start + size, n)) for start in range(0, n, size))


def seed_of(seed: int, *parts: int) -> int:
    """A seed of 32 bits for one draw, the same whatever else is drawn around it."""
    return int(np.random.SeedSequence([seed, *parts]).generate_state(1)[0])


def contrasted(logits: Floats, target: int) -> Floats:
    """(instance, class) -> (instance,) the target's logit less the mean of the others'.

    One column is a number, and stays as it is.
    """
    if logits.shape[1] == 1:
        return logits[:, 0]
    return np.asarray(logits[:, target] - np.delete(logits, target, axis=1).mean(axis=1))


def playable(context: ExplainContext) -> Literal["background", "baseline"]:
    """The game that the run asks about, of a method that compares with rows or with a baseline.

    Where the run asks about another one, it is what such data are compared with.
    """
    known: dict[str, Literal["background", "baseline"]] = {
        "background": "background",
        "baseline": "baseline",
    }
    return known.get(context.question, kind_of(context.classifier.schema).compared_with)


class Explainer(ExplainerPart):
    """Base of the explainers of the package.

    method : what the explanation calls it.
    """

    method: str

    def refuses(self, model: ModelPart, nature: DataTraits) -> Text | None:
        """Why the model lacks what the method requires, or None."""
        return missing_capability(self.requires, model)

    def explanation(self, context: ExplainContext, before: int, **fields: Any) -> Explanation:
        """The instances explained, in units of the output where `fields` do not say otherwise.

        before : `classifier.calls` when the method began. fields : what the method found out.
        """
        about = {
            "inputs": context.inputs,
            "positions": context.positions,
            "feature_names": tuple(context.classifier.schema.names),
            "target": context.target,
            "seed": context.seed,
            "method": self.method,
            "params": dict(vars(self)),
            "output_space": context.output_space,
            "n_model_calls": context.classifier.calls - before,
        }
        return Explanation(**{**about, **fields})

    def of_trees(
        self,
        context: ExplainContext,
        before: int,
        trees: TreeValues,
        space: OutputSpace,
        refusal: Message,
        rows: Floats,
        **fields: Any,
    ) -> Explanation:
        """The instances explained by the values of the model's trees, in the space of these.

        rows : (row, column) from which came what stands for a feature that is left out.

        Raises NotApplicableError : the sums of the trees are not the answers of the model.
        """
        answers, error = context.output(context.inputs), None
        if trees.of_batches is not None:
            error = error_by_batches(trees.of_batches, len(rows), context.unseen(len(rows)))
        if not trees.add_up(answers, space):
            raise NotApplicableError(refusal)
        context.progress.advance()
        moves = differing(context.inputs, rows, context.classifier.schema.owners)
        return self.explanation(
            context,
            before,
            values=np.where(moves, trees.values, 0.0),
            standard_error=None if error is None else np.where(moves, error, 0.0),
            predictions=trees.outputs if space == "logit" else answers,
            base_values=np.full(len(trees.values), trees.base),
            output_space=space,
            **fields,
        )


class ModuleExplainer(Explainer):
    """Base of an explainer that needs more of a module than its predictions; it draws nothing.

    chunk : instances that are explained at a time.
    """

    samples = False
    chunk: int

    def planned_calls(self, n_instances: int, n_features: int, n_background: int) -> int:
        return 2 * n_instances

    def in_one_pass(
        self,
        context: ExplainContext,
        attribute: Callable[[ExplainContext], Floats],
        variant: Message,
        *notes: Message,
        order: bool = False,
    ) -> Explanation:
        """The explanation of a method that asks once for the outputs, and once for the values.

        attribute : gives (instance, feature) values. order : whether they are sizes without sign or
        unit; else they are in log-odds, or in the target's unit.
        """
        before = context.classifier.calls
        predictions = (context.output if order else context.margin)(context.inputs)
        values = attribute(context)
        context.classifier.calls += len(context.inputs)
        return self.explanation(
            context,
            before,
            values=values,
            predictions=predictions,
            variant=variant,
            output_space="none" if order else context.margin_space,
            signed=not order,
            notes=notes,
        )

    def parts(self, context: ExplainContext) -> Iterator[slice]:
        """Slices of the instances, one after another; each counts as done when the next begins."""
        n = len(context.inputs)
        context.progress.start(self.method, n)
        for part in chunks(n, self.chunk):
            yield part
            context.progress.advance(part.stop - part.start)
