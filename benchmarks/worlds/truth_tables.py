"""What the worlds of `ground_truth.py` come to: true errors, metrics beside them, verdicts."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence

import numpy as np

from deepseek_report.artifacts.conclusions import TRUSTED
from deepseek_report.artifacts.explanation import CONTROL, Game
from deepseek_report.metrics.explanations.explanation_plugin import bootstrap_mean
from worlds.ground_truth import BLIND, FAMILIES, GAMES, SPOILT, Judged
from worlds.trials import Table, share

#: Explanations of a world without which no rank correlation is told.
_FEWEST = 4
#: Rank correlation with the true error above which its whole interval must lie.
LEAST_CORRELATION = 0.5
#: Two true errors no further apart are practically the same.
NEAR = 0.05
#: What a verdict promises: the rank correlation with the truth of an order, and the greatest
#: relative error of amounts.
ORDER_PROMISED, AMOUNTS_PROMISED = 0.5, 0.5

World = tuple[str, str, int, Game]


def tables(judged: Sequence[Judged]) -> list[Table]:
    """Those of the page."""
    games = [game for game in GAMES if any(each.game == game for each in judged)]
    metrics = map(_metrics_of(judged), games)
    return [_settings(judged), _trusted(judged), _verdicts(judged), _errors(judged), *metrics]


def tables_of_leading(judged: Sequence[Judged]) -> list[Table]:
    """Those of worlds in which only who leads was judged."""
    return [_leading(judged), _ordering(judged)]


def _by_world(judged: Iterable[Judged]) -> dict[World, list[Judged]]:
    worlds: dict[World, list[Judged]] = defaultdict(list)
    for each in judged:
        worlds[each.family, each.explained, each.seed, each.game].append(each)
    return worlds


def _ranked(world: Sequence[Judged]) -> list[Judged]:
    """Those that are compared in the world's game: what plays another is not ranked beside them."""
    return [each for each in world if each.plays in (None, each.game)]


def _mean(values: Sequence[float]) -> tuple[float, float, float]:
    """A mean over worlds with its 95 % interval (BCa bootstrap); NaN where there is none."""
    known = np.array([value for value in values if np.isfinite(value)])
    if not len(known):
        return float("nan"), float("nan"), float("nan")
    mean, low, high = (float(end) for end in bootstrap_mean(known, 1000, 1))
    return mean, low, high


def interval(values: Sequence[float]) -> str:
    """A mean over worlds with its interval, as the page says it."""
    mean, low, high = _mean(values)
    if np.isnan(mean):
        return "–"
    told = f"{mean:.2f}" if np.isnan(low) else f"{mean:.2f} ({low:.2f}–{high:.2f})"
    return told.replace("-", "−")


# --- Settings: what a report of some data and question can rest on --------------------------------


#: They put the explanations of a world in the order of `deletion_effect`, or of `insertion_effect`.
_SAME = frozenset({"deletion", "deletion_gain", "insertion", "insertion_gain"})


def _settings(judged: Sequence[Judged]) -> Table:
    """One line for each kind of data and game, to whose line in the docs reports refer."""
    settings = dict.fromkeys((each.kind, each.game) for each in judged)
    return Table(
        "Settings",
        "What is shown in each: the scores whose rank correlation with the true error lies above "
        "0.5 with its whole 95 % interval, and those of which it does not.",
        ("data", "game", "worlds", "go with the true error", "not shown to"),
        [_setting(judged, kind, game) for kind, game in sorted(settings)],
    )


def _setting(judged: Sequence[Judged], kind: str, game: Game) -> tuple[object, ...]:
    shown: dict[bool, list[str]] = {True: [], False: []}
    ranks = correlations(judged, game, kind)
    for score, values in sorted(ranks.items(), key=lambda item: -float(np.nanmean(item[1]))):
        if score in _SAME:
            continue
        _, low, _ = _mean(values)
        shown[low > LEAST_CORRELATION].append(f"`{score}`")
    worlds = [key for key in _by_world(judged) if key[3] == game]
    own = sum(FAMILIES[key[0]].schema.modality == kind for key in worlds)
    return (kind, game, own, ", ".join(shown[True]) or "–", ", ".join(shown[False]) or "–")


# --- True errors ----------------------------------------------------------------------------------


def _errors(judged: Sequence[Judged]) -> Table:
    """By method, game and kind of data."""
    cells: dict[tuple[str, str, str], list[Judged]] = defaultdict(list)
    for each in judged:
        cells[each.name, each.game, each.kind].append(each)
    kinds = list(dict.fromkeys(each.kind for each in judged))
    names = sorted({each.name for each in judged}, key=lambda name: (_place(name), name))
    rows = [
        (
            name,
            game,
            " · ".join(sorted({each.plays or "none" for each in of_name})),
            *(interval([each.error for each in cells[name, game, kind]]) for kind in kinds),
            interval([each.order for each in of_name]),
            interval([each.amounts for each in of_name]),
        )
        for name in names
        for game in GAMES
        if (of_name := [each for each in judged if each.name == name and each.game == game])
    ]
    return Table(
        "True error of each method",
        "Mean over worlds, with 95 % intervals. 0 is right but for the unit; random attributions "
        "come near 0.97. Game: the question that the method was asked, whose truth judges it; "
        "plays: which one it answered. A method that gives sizes alone is compared with the sizes "
        "of the truth.",
        ("method", "game", "plays", *kinds, "rank correlation with the truth", "error of amounts"),
        rows,
    )


def _place(name: str) -> int:
    return 2 if name in SPOILT else 1 if name == CONTROL else 0


# --- Metrics beside the true error ----------------------------------------------------------------


def correlations(
    judged: Sequence[Judged], game: Game, kind: str | None = None, control: bool = False
) -> dict[str, list[float]]:
    """{score: its rank correlation with minus the true error in each world of a game}."""
    ranks: dict[str, list[float]] = defaultdict(list)
    for world in _by_world(judged).values():
        if world[0].game != game or kind not in (None, world[0].kind):
            continue
        compared = [each for each in _ranked(world) if control or each.name != CONTROL]
        for score in sorted({score for each in compared for score in each.signs}):
            pairs = [
                (each.signs[score], -each.error)
                for each in compared
                if np.isfinite(each.signs.get(score, np.nan))
            ]
            if len(pairs) >= _FEWEST:
                ranks[score].append(_spearman(pairs))
    return ranks


def _spearman(pairs: Sequence[tuple[float, float]]) -> float:
    from scipy.stats import rankdata

    first, second = (rankdata(values) for values in zip(*pairs, strict=True))
    if not np.ptp(first) or not np.ptp(second):
        return 0.0
    return float(np.corrcoef(first, second)[0, 1])


def _metrics_of(judged: Sequence[Judged]) -> Callable[[Game], Table]:
    kinds = list(dict.fromkeys(each.kind for each in judged))

    def table(game: Game) -> Table:
        whole, beside = (correlations(judged, game, control=both) for both in (False, True))
        by_kind = {kind: correlations(judged, game, kind) for kind in kinds}
        order = sorted(whole, key=lambda score: -float(np.nanmean(whole[score])))
        rows = [
            (
                f"`{score}`",
                interval(whole[score]),
                interval(beside.get(score, [])),
                *(interval(by_kind[kind].get(score, [])) for kind in kinds),
            )
            for score in order
        ]
        return Table(
            f"Metrics beside the true error, game: {game}",
            "Rank correlation, over the explanations of a world, of each score with minus the true "
            "error; mean over worlds with 95 % intervals. A verdict may rest on a score whose "
            "interval in the second column lies above 0.5.",
            ("score", "without the control", "with the control", *kinds),
            rows,
        )

    return table


# --- Verdicts -------------------------------------------------------------------------------------


def is_random(each: Judged, control: float) -> bool:
    """Whether its true error is that of attributions at random."""
    return each.beats_random is not True or each.error > control - NEAR


def _verdicts(judged: Sequence[Judged]) -> Table:
    """How often each verdict is right, of the methods that ship and of the spoilt truth."""
    rights: dict[tuple[str, str], list[bool]] = defaultdict(list)
    for world in _by_world(judged).values():
        control = next(each.error for each in world if each.name == CONTROL)
        for each in _ranked(world):
            if each.name != CONTROL:
                for group in ("all", "spoilt" if each.name in SPOILT else "shipped"):
                    rights[each.use, group].append(_is_right(each, control))
    rows = [
        (use, *(str(share(r)) if (r := rights.get((use, g))) else "–" for g in groups), len(n))
        for groups in [("shipped", "spoilt")]
        for (use, group), n in sorted(rights.items())
        if group == "all"
    ]
    return Table(
        "How often each verdict is right",
        f"amounts: the mean error of the amounts is at most {AMOUNTS_PROMISED}, and the order "
        f"holds; order: the mean rank correlation with the truth is at least {ORDER_PROMISED} and "
        "it is nearer to the truth than another case's. not_this_case, overall: the order does not "
        "hold; wrong: the signs are turned; nothing: the error is that of random attributions; "
        "unsteady, open: the order does not hold.",
        ("verdict", "right, methods that ship", "right, spoilt truth", "given"),
        rows,
    )


def _is_right(each: Judged, control: float) -> bool:
    holds = each.order >= ORDER_PROMISED and each.own_case is True
    return {
        "amounts": holds and each.amounts <= AMOUNTS_PROMISED,
        "order": holds,
        "members": each.own_case is True and not is_random(each, control),
        "nothing": each.name in BLIND or is_random(each, control),
        "wrong": each.order < 0,
    }.get(each.use, not holds)


def _leading(judged: Sequence[Judged]) -> Table:
    """Whether the method that leads is the best."""
    rows = []
    for game in dict.fromkeys(each.game for each in judged):
        best, near, close = [], [], []
        for key, world in _by_world(judged).items():
            leader = next((each for each in world if each.leads), None)
            if key[3] == game and leader is not None:
                methods = [e for e in _ranked(world) if e.name not in (*SPOILT, CONTROL)]
                alike = [each for each in methods if each.signed and each.space == leader.space]
                first = min(alike, key=lambda each: each.error)
                best.append(leader.name == first.name)
                near.append(_within(leader, first))
                close.append(leader.error <= first.error + NEAR)
        rows.append((game, len(near), *(str(share(each)) for each in (best, near, close))))
    return Table(
        "The method that leads by verdict",
        "Among the methods that ship, sign their values, play the game and explain the same output "
        "(a probability, or its log-odds, each with its own truth). Within: its true error is not "
        "shown to be above that of the best (95 % interval of the paired difference over "
        f"cases). Close: it is at most {NEAR} above that of the best.",
        ("game", "worlds", "truly the best", "the best or within", "close to the best"),
        rows,
    )


#: What may put methods with equal verdicts in order.
_ORDERING = ("shapley_cosine", "faithfulness_correlation", "deletion_effect", "insertion_effect")


def _ordering(judged: Sequence[Judged]) -> Table:
    """How well scores put the methods that ship in order."""
    rows = []
    for game in dict.fromkeys(each.game for each in judged):
        ranks = correlations([each for each in judged if each.name not in SPOILT], game)
        rows.append((game, *(interval(ranks.get(score, [])) for score in _ORDERING)))
    return Table(
        "Scores that put methods in order",
        "Rank correlation of each with minus the true error over the methods that ship, in worlds "
        f"with at least {_FEWEST} of them; mean over worlds with 95 % intervals.",
        ("game", *(f"`{score}`" for score in _ORDERING)),
        rows,
    )


def _trusted(judged: Sequence[Judged]) -> Table:
    """Whether an explanation that is as good as random was ever trusted."""
    rows = []
    for game in dict.fromkeys(each.game for each in judged):
        worlds = [world for key, world in _by_world(judged).items() if key[3] == game]
        trusted = of = 0
        for world in worlds:
            control = next(each.error for each in world if each.name == CONTROL)
            random = [e for e in _ranked(world) if e.name != CONTROL and is_random(e, control)]
            of += len(random)
            trusted += sum(each.use in {*TRUSTED, "members"} for each in random)
        rows.append((game, len(worlds), f"{trusted} of {of}"))
    return Table(
        "Trusted though as random",
        f"Of all explanations whose true error is within {NEAR} of the control's.",
        ("game", "worlds", "trusted though as random"),
        rows,
    )


def _within(leader: Judged, best: Judged) -> bool:
    difference = np.array(leader.errors) - np.array(best.errors)
    known = difference[np.isfinite(difference)]
    if not known.any():
        return True
    _, low, _ = (float(end) for end in bootstrap_mean(known, 1000, 1))
    return low <= 0
