"""What the answers of a language model come from: which method may be quoted, and what it says."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Annotated, Any, Literal

import numpy as np
from pydantic import Field

from deepseek_report.artifacts.array_types import Array, Bools, Floats, Ints
from deepseek_report.artifacts.disclosure import WHOLE
from deepseek_report.artifacts.estimate import UNDEFINED, Estimate
from deepseek_report.artifacts.explanation import CONTROL
from deepseek_report.artifacts.measurement import Measurement
from deepseek_report.artifacts.message import Message, message
from deepseek_report.artifacts.protocols.classifier import Classifier, LanguageModel
from deepseek_report.artifacts.protocols.metrics import MeasureContext
from deepseek_report.artifacts.score import Score
from deepseek_report.artifacts.split import Split
from deepseek_report.artifacts.table import TableType
from deepseek_report.artifacts.written_texts import gaps, legible
from deepseek_report.errors import NotApplicableError
from deepseek_report.extensions.language_models.language_rows import (
    AnswerToken,
    ContinuationMethod,
    PromptToken,
)
from deepseek_report.extensions.language_models.token_attribution import (
    QUESTIONS,
    Continuation,
    ContinuationGame,
    greedy_answer,
    losses,
    word_owners,
)
from deepseek_report.metrics.plugin import ClassMetric, EntityMetric
from deepseek_report.statistics.games.coalition_design import all_pairs
from deepseek_report.statistics.intervals import SHARE, rate
from deepseek_report.statistics.paired import judged
from deepseek_report.statistics.ranking import thin

#: Prompts from which on a method is judged.
FEWEST = 10
#: The methods by their keys as explainers, in the order of all arrays; the control follows them.
METHODS = ("input_x_gradient", "integrated_gradients", "occlusion", "shap")
#: Players that are listed of what an answer token came from.
_LISTED = 3


@dataclass(frozen=True)
class AttributedAnswer:
    """A continuation, what the methods say of it, and what is lost without what they name.

    values : (method, question, answer token, player), the control's first draw last. errors :
    (question, answer token, player) standard errors of the Shapley values. lost : (loss, method,
    question, answer token), comprehensiveness and sufficiency, on average over the control's draws.
    truth : (answer token, player) what is known to make it; no row has any where nobody knows.
    """

    text: Continuation
    game: ContinuationGame
    values: Floats
    errors: Floats
    lost: Floats
    truth: Bools

    @property
    def counted(self) -> Bools:
        """(answer token,) whether several players stand before it, so that a method can choose."""
        return self.text.players_before > 1

    @property
    def present(self) -> Bools:
        """(answer token, player) whether the player stands before it."""
        return np.asarray(np.arange(self.text.players) < self.text.players_before[:, None])

    @property
    def top(self) -> Ints:
        """(method, question, answer token) the player that speaks most for the output."""
        return np.asarray(np.where(self.present, self.values, -np.inf).argmax(axis=-1))

    def is_right(self) -> Bools | None:
        """(method, question) whether the top player of each answer token is one that makes it.

        Tokens count that the model itself ranks first and whose cause is known; None without any.
        """
        known = self.truth.any(axis=1) & self.game.is_first & self.counted
        if not known.any():
            return None
        hit = self.truth[np.arange(len(known)), self.top]
        return np.asarray(hit[..., known].all(axis=-1))

    @property
    def relative_error(self) -> Floats:
        """(question,) mean standard error over the largest Shapley value, over answer tokens."""
        largest = np.abs(self.values[METHODS.index("shap")]).max(axis=-1)
        means = self.errors.sum(axis=-1) / np.maximum(self.text.players_before, 1)
        ratios = np.divide(means, largest, out=np.zeros_like(means), where=largest > 0)
        return np.asarray(ratios[:, self.counted].mean(axis=1))


@dataclass(frozen=True)
class MethodVerdict:
    """How a method does on one question over all prompts, and against the random control.

    lost, gains : comprehensiveness and sufficiency; gains are such that more is better.
    """

    method: str
    question: str
    n: int
    lost: tuple[float, float]
    gains: tuple[Estimate, Estimate]
    right: Estimate
    error: float

    @property
    def is_quoted(self) -> bool:
        """Whether both gains over the random control are above 0 by their intervals."""
        ends = [gain.ends for gain in self.gains]
        return self.n >= FEWEST and all(end is not None and end[0] > 0 for end in ends)


def verdicts(answers: Sequence[AttributedAnswer]) -> list[MethodVerdict]:
    """Each method on each question, the control among them; each prompt counts alike."""
    lost = np.stack([each.lost[..., each.counted].mean(axis=-1) for each in answers])
    known = [right for each in answers if (right := each.is_right()) is not None]
    errors = np.mean([each.relative_error for each in answers], axis=0)
    rows = []
    for at, method in enumerate((*METHODS, CONTROL)):
        for ask, question in enumerate(QUESTIONS):
            own, chance = lost[:, :, at, ask], lost[:, :, -1, ask]
            gains = (own - chance)[:, 0], (chance - own)[:, 1]
            hits = sum(bool(right[at, ask]) for right in known)
            rows.append(
                MethodVerdict(
                    method,
                    question,
                    len(answers),
                    (float(own[:, 0].mean()), float(own[:, 1].mean())),
                    (_mean(gains[0]), _mean(gains[1])),
                    rate(hits, len(known)) if known else Estimate(math.nan),
                    float(errors[ask]) if method == "shap" else math.nan,
                )
            )
    return rows


def _mean(differences: Floats) -> Estimate:
    """Of paired differences, one a prompt, with Student's interval."""
    n = len(differences)
    if n < FEWEST:
        return Estimate(float(differences.mean()), n=n)
    error = float(differences.std(ddof=1) / math.sqrt(n))
    method = message("interval_methods.paired_student")
    return judged(float(differences.mean()), error, n, method, n - 1)[0]


def leading(rows: Sequence[MethodVerdict], question: str) -> MethodVerdict | None:
    """The method that may be quoted and gains most over the control; None where none may."""
    quoted = [row for row in rows if row.is_quoted and row.question == question]
    return max(quoted, key=lambda row: sum(gain.value for gain in row.gains), default=None)


@dataclass(frozen=True)
class ContinuationAttribution(EntityMetric, ClassMetric):
    """What each token of an answer came from: tokens of the prompt, and of the answer before it.

    Gradient times input, integrated gradients, occlusion and Shapley values share one game: the
    embedding of a token that is taken away is replaced, and its place stays. Each is asked for the
    logit of the token, and for its difference to the logit of another one (contrast). A method may
    be quoted where, over the prompts, it does better than a random order both in what is lost where
    only those players are kept that speak least for the output (comprehensiveness) and where only
    those are that speak most (sufficiency), by the 95 % interval of the difference, at one retained
    count. Players that speak against the output count as those that speak least for it.

    Prompts are entities of the test part, at even distances; the rows of an entity that continue
    one another are its answer. answer : the "given" one, or what the model itself continues the
    first row with ("generated", greedily). tokens : of an answer that are looked at, from its
    start. prompts : that are judged by. longest : tokens of a prompt; longer ones are left out.
    shown : prompts that are shown. players : what is taken away, "tokens" or "words". replacement :
    what stands for a token that is taken away: the "mean" embedding of the vocabulary, "zero", or
    the text of a token. rival : the token that each is set against; without, the likeliest other
    one. steps : points on the way of integrated gradients. pairs : of coalitions, for Shapley
    values. retained : share of the players that is kept. draws : random orders of the control.
    work : tokens that the model reads times its parameters; a prompt that would take more in all is
    left out with those behind it.

    References: Sundararajan, Taly & Yan 2017, arXiv:1703.01365; Yin & Neubig 2022,
    arXiv:2202.10419 (contrast); DeYoung et al. 2020, arXiv:1911.03429 (comprehensiveness).
    """

    reveals = "rows"
    category = "language"
    modalities = frozenset({"text"})
    requires = frozenset({"language_model"})
    reads = frozenset({"classifier", "dataset", "seed"})
    bounds = {
        "continuation_comprehensiveness": (None, None),
        "continuation_sufficiency": (None, None),
        "continuation_top_right": SHARE,
    }
    tables = {
        "methods": TableType.of(ContinuationMethod, folded=True, release=WHOLE),
        "sources": TableType.of(AnswerToken, folded=True, most=24),
        "tokens": TableType.of(PromptToken),
    }

    prompts: Annotated[int, Field(ge=1, le=1000)] = 24
    shown: Annotated[int, Field(ge=1, le=24)] = 4
    tokens: Annotated[int, Field(ge=1, le=64)] = 8
    longest: Annotated[int, Field(ge=2, le=4096)] = 256
    answer: Literal["given", "generated"] = "given"
    players: Literal["tokens", "words"] = "words"
    replacement: str = "mean"
    rival: str = ""
    steps: Annotated[int, Field(ge=2, le=512)] = 16
    pairs: Annotated[int, Field(ge=1, le=100_000)] = 128
    retained: Annotated[float, Field(gt=0, lt=1)] = 0.5
    draws: Annotated[int, Field(ge=1, le=100)] = 8
    work: Annotated[float, Field(gt=0)] = 5e13

    def measure(self, context: MeasureContext) -> Measurement:
        """The verdict on each method, and what the tokens of the prompts shown came from."""
        classifier: Any = context.classifier
        model = classifier.language_model
        every = list(self._texts(classifier, context.dataset.test))
        texts = self._affordable(every, sum(weight.numel() for weight in model.net.parameters()))
        if not texts:
            raise NotApplicableError(message("refusals.continuation.no_prompt", most=self.longest))
        stand_in = stand_in_of(model, self.replacement)
        context.progress.start("continuation", len(texts))
        answers = []
        for at, (text, truth) in enumerate(texts):
            rng = np.random.default_rng([context.seed, at])
            answers.append(self._attributed(model, text, truth, stand_in, rng))
            context.progress.advance()
        rows = verdicts(answers)
        lead = leading(rows, "contrast")
        shown = answers[: self.shown]
        return Measurement(
            scores=tuple(self._scores(rows)),
            tables=self.frames(
                methods=[_cells(row) for row in rows],
                sources=_sources(shown, model, lead),
                tokens=_tokens(shown, model),
            ),
            arrays=_arrays(shown),
            notes=(
                message(
                    "notes.continuation.replaced",
                    is_mean=self.replacement == "mean",
                    is_zero=self.replacement == "zero",
                    token=legible(self.replacement),
                ),
                message(
                    "notes.continuation.judged",
                    n=len(answers),
                    fewest=FEWEST,
                    share=self.retained,
                    draws=self.draws,
                ),
                *self._cut(len(texts), len(every)),
                *(
                    []
                    if lead
                    else [message("notes.continuation.none_quoted", n=len(answers), fewest=FEWEST)]
                ),
            ),
        )

    def _texts(self, classifier: Classifier, test: Split) -> Iterator[tuple[Continuation, Bools]]:
        """The prompts with their answers, and (answer token, player) what is known to make them."""
        ids, targets = classifier.token_ids(test.inputs), classifier.class_tokens[test.labels]
        chains = answers_of(ids, targets, test.entities)
        chains = [rows for rows in chains if len(ids[rows[0]]) <= self.longest]
        for at in thin(len(chains), self.prompts):
            rows = chains[at][: self.tokens]
            prompt = ids[rows[0]]
            fixed = len(prompt) - int((~np.isnan(test.inputs[rows[0]])).sum())
            answer = targets[rows]
            if self.answer == "generated":
                answer = greedy_answer(classifier.language_model.net, prompt, self.tokens)
            whole = np.concatenate([prompt, answer]).astype(np.int64)
            text = Continuation(whole, len(prompt), self._owners(classifier, whole, fixed))
            if text.players_before.max() > 1:
                same = np.cumprod(answer[: len(rows)] == targets[rows][: len(answer)])
                yield text, _truth(test, [rows[0], *rows[1:][: int(same[:-1].sum())]], text, fixed)

    def _affordable(
        self, texts: Sequence[tuple[Continuation, Bools]], parameters: int
    ) -> list[tuple[Continuation, Bools]]:
        """The first prompts that the work allows, one at least."""
        work = np.cumsum([self._tokens_read(text) * parameters for text, _ in texts])
        return list(texts[: max(int((work <= self.work).sum()), 1)])

    def _tokens_read(self, text: Continuation) -> float:
        """How many tokens the model reads for one prompt; a way back counts as two ways there."""
        answers = len(text.ids) - text.start
        coalitions = 2 * min(self.pairs, all_pairs(text.players)) + text.players
        kept = 2 * len(QUESTIONS) * (len(METHODS) + self.draws) * answers
        ways = (self.steps + 1) * (1 + 2 * len(QUESTIONS) * answers)
        return float(len(text.ids) * (coalitions + kept + ways))

    def _cut(self, n: int, of: int) -> list[Message]:
        if n == of:
            return []
        return [message("notes.continuation.cut", n=n, of=of)]

    def _owners(self, classifier: Classifier, ids: Ints, fixed: int) -> Ints:
        if self.players == "words":
            tokens = classifier.language_model.tokens
            return word_owners([tokens[token] for token in ids], fixed)
        return np.maximum(np.arange(len(ids)) - fixed, -1)

    def _attributed(
        self,
        model: LanguageModel,
        text: Continuation,
        truth: Bools,
        stand_in: Floats,
        rng: np.random.Generator,
    ) -> AttributedAnswer:
        answers = len(text.ids) - text.start
        rivals = np.full(answers, token_of(model, self.rival)) if self.rival else None
        game = ContinuationGame(model.net, text, stand_in, rivals)
        own, errors = self._methods(game, rng)
        chance = rng.normal(size=(self.draws, *errors.shape))
        comprehensiveness, sufficiency = losses(game, np.concatenate([own, chance]), self.retained)
        lost = np.stack([comprehensiveness, sufficiency])
        count = len(METHODS)
        means = lost[:, count:].mean(axis=1, keepdims=True)
        return AttributedAnswer(
            text,
            game,
            np.concatenate([own, chance[:1]]),
            errors,
            np.concatenate([lost[:, :count], means], axis=1),
            truth,
        )

    def _methods(self, game: ContinuationGame, rng: np.random.Generator) -> tuple[Floats, Floats]:
        """(method, question, answer token, player) values, and errors of the Shapley values."""
        values, errors = game.shapley(self.pairs, int(rng.integers(2**31)))
        own = (game.gradients(0), game.gradients(self.steps), game.occlusion(), values)
        return np.stack(own), errors

    def _scores(self, rows: Sequence[MethodVerdict]) -> Iterator[Score]:
        """Those of the contrast, of each method but the control."""
        for row in rows:
            if row.question != "contrast" or row.method == CONTROL:
                continue
            for name, gain in zip(("comprehensiveness", "sufficiency"), row.gains, strict=True):
                note = message("notes.continuation.gain")
                metric = f"continuation_{name}"
                yield self.score(metric, gain, "higher", explainer=row.method, note=note)
            if row.right.is_defined:
                note = message("notes.continuation.right")
                fields = {"explainer": row.method, "unit": "share", "note": note}
                yield self.score("continuation_top_right", row.right, "higher", **fields)


def answers_of(ids: Sequence[Ints], targets: Ints, entities: Ints | None) -> list[list[int]]:
    """For each entity the rows that continue one another, from its shortest one on.

    A row goes on from another where it is that row and the token that follows it. Without entities
    each row is a prompt of its own, and its answer one token.

    >>> rows = [np.array([4, 5]), np.array([7]), np.array([4, 5, 6])]
    >>> answers_of(rows, np.array([6, 8, 9]), np.array([1, 2, 1]))
    [[0, 2], [1]]
    """
    if entities is None:
        return [[row] for row in range(len(ids))]
    chains: dict[int, list[int]] = {}
    for row in sorted(range(len(ids)), key=lambda at: len(ids[at])):
        chain = chains.setdefault(int(entities[row]), [])
        if not chain or np.array_equal(ids[row], [*ids[chain[-1]], targets[chain[-1]]]):
            chain.append(row)
    return [chains[entity] for entity in dict.fromkeys(entities.tolist())]


def stand_in_of(model: LanguageModel, replacement: str) -> Floats:
    """(width,) the embedding that stands for tokens that are taken away.

    replacement : "mean", "zero", or the text of a token.
    """
    (embeddings,) = model.net.get_input_embeddings().parameters()
    weight = embeddings.detach().double().cpu().numpy()
    if replacement == "mean":
        return np.asarray(weight.mean(axis=0))
    if replacement == "zero":
        return np.zeros(weight.shape[1])
    return np.asarray(weight[token_of(model, replacement)])


def token_of(model: LanguageModel, text: str) -> int:
    """The id of a token, by its text as the vocabulary has it or as people read it.

    Raises NotApplicableError : there is no such token.
    """
    ids = {legible(token): at for at, token in reversed(list(enumerate(model.tokens)))}
    ids |= {token: at for at, token in enumerate(model.tokens)}
    if text not in ids:
        near = get_close_matches(text, ids, n=3)
        raise NotApplicableError(message("refusals.continuation.no_token", token=text, near=near))
    return ids[text]


def _truth(test: Split, rows: Sequence[int], text: Continuation, fixed: int) -> Bools:
    """(answer token, player) what is known to make it; rows : the one before each, as known."""
    truth = np.zeros((len(text.ids) - text.start, text.players), dtype=bool)
    if test.truth is not None:
        for answer, row in enumerate(rows):
            marked = test.truth[row][~np.isnan(test.inputs[row])]
            truth[answer, text.owners[fixed + np.flatnonzero(marked)]] = True
    return truth


def _cells(row: MethodVerdict) -> tuple[object, ...]:
    gains = row.gains if row.method != CONTROL else (UNDEFINED, UNDEFINED)
    measured = (row.n, *row.lost, *gains, row.right, row.right.n, row.error)
    return row.method, row.question == "contrast", *measured, row.is_quoted


def _written(model: LanguageModel, ids: Sequence[int]) -> list[tuple[str, bool]]:
    """Tokens as people read them, each with whether a space stands before it."""
    tokens = [model.tokens[token] for token in ids]
    return list(zip(map(legible, tokens), gaps(tokens), strict=True))


def _tokens(answers: Sequence[AttributedAnswer], model: LanguageModel) -> list[tuple[Any, ...]]:
    return [
        (prompt, place, int(answer.text.owners[place]), token, apart, place >= answer.text.start)
        for prompt, answer in enumerate(answers)
        for place, (token, apart) in enumerate(_written(model, answer.text.ids.tolist()))
    ]


def _sources(
    answers: Sequence[AttributedAnswer], model: LanguageModel, lead: MethodVerdict | None
) -> Iterator[tuple[object, ...]]:
    """What counts most for each answer token against its rival, by the method that leads."""
    for prompt, answer in enumerate(answers):
        game, labels = answer.game, _player_labels(answer.text, model)
        for order, token in enumerate(game.targets.tolist()):
            rival = legible(model.tokens[int(game.rivals[order])])
            about = (prompt, order, legible(model.tokens[token]), float(game.probabilities[order]))
            row = (*about, rival, float(game.whole[1, order]))
            if lead is None:
                yield *row, "", math.nan, math.nan
                continue
            values = answer.values[METHODS.index(lead.method), 1, order]
            errors = (
                answer.errors[1, order] if lead.method == "shap" else np.full_like(values, math.nan)
            )
            for at in np.argsort(-np.abs(values), kind="stable")[:_LISTED]:
                if answer.present[order, at]:
                    yield *row, labels[at], values[at], errors[at]


def _player_labels(text: Continuation, model: LanguageModel) -> list[str]:
    labels = [""] * text.players
    for place, (token, apart) in enumerate(_written(model, text.ids[:-1].tolist())):
        owner = int(text.owners[place])
        if owner >= 0:
            labels[owner] += (" " if apart and labels[owner] else "") + token
    return labels


def _arrays(answers: Sequence[AttributedAnswer]) -> dict[str, Array]:
    """What is shown of the prompts: attributions, and what is known to make each answer token.

    values : (prompt, method, question, answer token, player). truth : (prompt, answer token,
    player). NaN and False where a prompt has no such token.
    """
    shape = tuple(max(each.values.shape[axis] for each in answers) for axis in (2, 3))
    values = np.full((len(answers), len(METHODS), len(QUESTIONS), *shape), np.nan)
    truth = np.zeros((len(answers), *shape), dtype=bool)
    for at, each in enumerate(answers):
        tokens, players = each.present.shape
        own = np.where(each.present, each.values[: len(METHODS)], np.nan)
        values[at, :, :, :tokens, :players] = own
        truth[at, :tokens, :players] = each.truth & each.present
    return {"values": values, "truth": truth}
