"""Named sets: what a list means, who named a part, and what is said of a set that is wrong."""

from __future__ import annotations

from pathlib import Path

import pytest

from deepseek_report.artifacts.storage.local_paths import shipped
from deepseek_report.config.catalogue import Completer, folders, groups
from deepseek_report.config.compose import compose
from deepseek_report.config.composed import Composed
from deepseek_report.config.config_files import MULTIPLE
from deepseek_report.config.problems import ConfigProblems
from deepseek_report.config.sets import Layer, find_sets
from tests.configured import experiment_of, few_parts
from tests.worded import study, write_conf

ROOTS = [shipped("conf")]
SETS = find_sets(ROOTS, groups(ROOTS))
EXPLAINERS = SETS["explainers"]
DEFAULT = list(EXPLAINERS.members("default"))
FURTHER = sorted({path.stem for path in (ROOTS[0] / "explainers").glob("*.yaml")} - {*DEFAULT})


def on_the_command_line(*words: str) -> Layer:
    return Layer(words)


def in_a_file(*words: str) -> Layer:
    return Layer(words, Path("config.yaml"))


@pytest.fixture
def own(tmp_path: Path) -> Path:
    """A folder with a set, an experiment that takes it, and one that builds on that one."""
    loans = "defaults:\n  - override /model: mlp\n"
    loans += "  - override /explainers: [ours, attention_rollout]\nname: loans"
    files = {
        "explainers/sets/ours": "# Ours.\n- fast\n- -shap\n- lime\n",
        "experiment/loans": study(loans),
        "experiment/more": study("defaults:\n  - loans\n  - override /explainers: -lime"),
    }
    write_conf(tmp_path, files)
    return tmp_path


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["default"], DEFAULT),
        (["lime", "default"], ["lime", *(name for name in DEFAULT if name != "lime")]),
        (["default", "-lime"], [name for name in DEFAULT if name != "lime"]),
        (["all", "-default", "shap"], [*FURTHER, "shap"]),
        (["shap", "shap"], ["shap"]),
        ([], []),
    ],
)
def test_a_list_is_read_from_left_to_right(words: list[str], expected: list[str]) -> None:
    assert list(EXPLAINERS.select([on_the_command_line(*words), in_a_file("random")])) == expected


def test_a_list_of_signs_alone_changes_the_list_below_it() -> None:
    layers = [on_the_command_line("-lime"), in_a_file("+random"), in_a_file("shap", "lime")]
    assert EXPLAINERS.select([*layers, in_a_file("default")]) == {
        "shap": "config",
        "random": "config",
    }


def test_a_part_is_named_by_who_writes_its_name_and_not_by_a_set() -> None:
    layers = [on_the_command_line("+lime"), in_a_file("fast", "shap")]
    selected = EXPLAINERS.select(layers)
    assert (selected["lime"], selected["shap"]) == ("command line", "config")
    assert {selected[name] for name in EXPLAINERS.members("fast") if name != "shap"} == {"set"}


def test_every_shipped_set_holds_parts_that_exist() -> None:
    for group in MULTIPLE:
        assert "default" in SETS[group]
        for name in SETS[group].names:
            assert set(SETS[group].members(name)) <= set(groups(ROOTS)[group])
            assert SETS[group].members(name)


def parts(composed: Composed, group: str = "explainers") -> list[str]:
    return [name for name, part in composed.raw[group].items() if "_target_" in part]


def test_the_command_line_takes_extends_and_shortens() -> None:
    fast = list(EXPLAINERS.members("fast"))
    composed = compose(["explainers=fast", "+metrics=accuracy", "~visualizations=beeswarm"])
    assert not composed.problems
    assert parts(composed) == fast
    assert set(parts(composed, "metrics")) == set(SETS["metrics"].members("default"))
    assert "beeswarm" not in parts(composed, "visualizations")
    assert composed.origin("metrics", "accuracy") == "command line"
    assert composed.origin("metrics", "r2") == "set"


def test_a_part_can_be_taken_away_by_its_key_too() -> None:
    assert "beeswarm" not in parts(compose(["~visualizations.beeswarm"]), "visualizations")


def test_a_field_of_a_part_from_a_set_can_be_set() -> None:
    composed = compose(["explainers=[default,-shap]", "explainers.lime.num_samples=77"])
    assert composed.raw["explainers"]["lime"]["num_samples"] == 77


def test_a_folder_of_ones_own_adds_a_set_and_an_experiment_takes_and_shortens_it(own: Path) -> None:
    ours = ["integrated_gradients", "input_x_gradient", "intrinsic", "random", "lime"]
    loans = compose(["experiment=loans"], str(own))
    assert parts(loans) == [*ours, "attention_rollout"]
    assert loans.origin("explainers", "attention_rollout") == "config"
    assert parts(compose(["experiment=more"], str(own))) == [*ours[:-1], "attention_rollout"]
    assert parts(compose(["experiment=more", "explainers=+shap"], str(own)))[-1] == "shap"


def test_what_a_set_brings_is_left_out_and_what_the_command_line_names_is_refused(
    own: Path,
) -> None:
    unfit = ["model=mlp", "report.thresholds=[]"]
    experiment = experiment_of("explainers=default", *unfit)
    assert "explanations/attention_rollout" in {refusal.artifact for refusal in experiment.refused}
    assert not experiment.named
    with pytest.raises(ConfigProblems, match="attention_rollout"):
        experiment_of("explainers=[default,attention_rollout]", *unfit)
    by_file = experiment_of("experiment=loans", config_dir=str(own))
    assert by_file.named == {"explanations/attention_rollout"}


@pytest.mark.parametrize(
    ("override", "hint"),
    [
        ("explainers=[defaults]", 'did you mean "default"?'),
        ("explainers=[default,-lmie]", 'did you mean "-lime"?'),
        ("metrics=explanation", 'did you mean "explanations"?'),
    ],
)
def test_a_word_that_is_neither_part_nor_set_gets_the_nearest_of_both(
    override: str, hint: str
) -> None:
    (problem,) = compose([override]).problems
    assert problem.where == f"command line, {override}"
    assert problem.todo == hint


def test_a_wrong_word_in_a_file_is_told_with_its_line_beside_all_other_problems(own: Path) -> None:
    file = own / "experiment" / "loans.yaml"
    file.write_text(file.read_text().replace("attention_rollout", "attention_rolout"))
    problems = compose(["experiment=loans", "model=mpl"], str(own)).problems
    assert [problem.todo for problem in problems] == [
        'did you mean "mlp"?',
        'did you mean "attention_rollout"?',
    ]
    assert problems[1].where.endswith("loans.yaml:4")


@pytest.mark.parametrize(
    ("name", "content", "expected"),
    [
        ("ours", "- ours\n", "the set ours is made from itself"),
        ("ours", "- lmie\n", '"lmie" is not in the group explainers'),
        ("ours", "steps: 3\n", "the set ours is no list of names"),
    ],
)
def test_a_set_that_cannot_be_used_is_told_with_its_file(
    name: str, content: str, expected: str, own: Path
) -> None:
    conf = write_conf(own, {f"explainers/sets/{name}": content})
    with pytest.raises(ConfigProblems) as caught:
        compose(["explainers=ours"], conf)
    assert f"{name}.yaml" in caught.value.problems[0].where
    assert expected in caught.value.problems[0].fault


@pytest.mark.parametrize(
    ("name", "fault"), [("lime", "a part of its group"), ("all", "the set of all parts")]
)
def test_a_set_with_the_name_of_something_else_is_told_where_that_name_is_used(
    name: str, fault: str, own: Path
) -> None:
    conf = write_conf(own, {f"explainers/sets/{name}": "- shap\n"})
    (problem,) = compose([f"explainers=[{name}]"], conf).problems
    assert problem.where.endswith(f"explainers/sets/{name}.yaml")
    assert problem.fault == f"{name} is already the name of {fault}"
    assert compose(["explainers=[shap]"], conf).problems == ()


def test_sets_that_are_made_from_one_another_are_told(own: Path) -> None:
    sets = {"explainers/sets/ours": "- theirs\n", "explainers/sets/theirs": "- ours\n"}
    with pytest.raises(ConfigProblems, match="the set ours is made from itself"):
        compose(["explainers=ours"], write_conf(own, sets))


def test_sets_complete_as_parts_do_and_behind_a_sign(own: Path) -> None:
    completer = Completer([], str(own))
    assert "explainers=ours" in completer.overrides("explainers=o")
    assert "explainers=[default,-lime" in completer.overrides("explainers=[default,-l")
    assert "explainers=[fast,shap" in completer.overrides("explainers=[fast,s")


def test_the_lists_of_files_count_in_the_order_that_hydra_gives_them(tmp_path: Path) -> None:
    """The last of two overrides that stand beside one another, and the outer one of two nested."""
    from hydra import compose as hydra_compose
    from hydra import initialize_config_dir

    lists = {"inner": "lime", "outer": "shap", "first": "random", "second": "lime"}
    takes = {"outer": ["inner"], "two": ["first", "second"]}
    for name in ("inner", "first", "second", "outer", "two"):
        lines = ["defaults:", *(f"  - {below}" for below in takes.get(name, ()))]
        lines += [f"  - override /explainers: [{lists[name]}]"] if name in lists else []
        write_conf(tmp_path, {f"experiment/{name}": study("\n".join(lines))})
    whole = [f"hydra.searchpath=[file://{tmp_path}]", "metrics=[]", "visualizations=[]"]
    whole += ["sections=[]", "frameworks=[]"]
    for name in ("inner", "outer", "two"):
        with initialize_config_dir(str(folders()[-1]), version_base="1.3"):
            theirs = hydra_compose("config", overrides=[*whole, f"experiment={name}"])
        assert parts(compose([f"experiment={name}"], str(tmp_path))) == list(theirs.explainers)


def frameworks_of(*overrides: str) -> list[str]:
    """The frameworks of the default study with as little else as can be."""
    few = [part for part in few_parts(sections="") if not part.startswith("frameworks=")]
    return list(experiment_of(*overrides, *few).frameworks)


def test_frameworks_are_chosen_by_the_declared_sector_and_places() -> None:
    in_germany = ["eu_ai_act_annex_iv", "eu_ai_act_articles", "eu_consumer_credit", "gdpr"]
    assert frameworks_of("frameworks=auto", "report.places=[DE]") == in_germany
    more = frameworks_of("frameworks=[auto,-gdpr,iso_42001]", "report.places=[DE]")
    assert more == [*in_germany[:-1], "iso_42001"]


def test_what_another_set_holds_is_taken_whatever_the_use() -> None:
    frameworks = SETS["frameworks"]
    selected = frameworks.select([in_a_file("standards", "auto", "gdpr")])
    assert {selected[name] for name in frameworks.members("standards")} == {"set"}
    assert selected["kr_ai"] == "use"
    assert selected["gdpr"] == "config"
    assert frameworks.select([in_a_file("auto", "standards")])["iso_42001"] == "set"


@pytest.mark.parametrize(
    ("overrides", "expected"),
    [
        (["frameworks=auto"], "write report.places=[EU]"),
        (["frameworks=auto", "report.places=[KE]"], "nothing is made for decisions about credit"),
        (["frameworks=[sr_11_7]"], 'did you mean "sr_26_2"?'),
    ],
)
def test_a_choice_by_use_that_cannot_be_made_says_what_to_do(
    overrides: list[str], expected: str
) -> None:
    with pytest.raises(ConfigProblems) as caught:
        frameworks_of(*overrides)
    assert expected in str(caught.value)


@pytest.mark.parametrize(
    ("overrides", "least"),
    [
        (("frameworks=[nyc_ll144]",), 0.02),
        (("frameworks=[nist_ai_rmf]",), None),
        (("frameworks=[nyc_ll144]", "metrics.impact_ratio.least_share=0"), 0.0),
    ],
)
def test_small_groups_are_left_out_of_ratios_where_the_law_that_allows_it_is_asked_for(
    overrides: tuple[str, ...], least: float | None
) -> None:
    experiment = experiment_of(*overrides)
    assert experiment.metrics["impact_ratio"].least_share == least
    assert experiment.raw["metrics"]["impact_ratio"]["least_share"] == least


def test_so_are_they_where_the_law_is_chosen_by_the_declared_use(tmp_path: Path) -> None:
    (tmp_path / "people.csv").write_text("age,sex,hired\n30,f,yes\n40,m,no\n")
    people = ["dataset=csv", f"dataset.path={tmp_path / 'people.csv'}", "dataset.target=hired"]
    people += ["dataset.sensitive=[sex]", 'dataset.favourable="yes"']
    use = ["dataset.sector=employment", "report.places=[US-NYC]", "frameworks=auto"]
    experiment = experiment_of(*people, *use, "report.thresholds=[]")
    assert experiment.metrics["impact_ratio"].least_share == 0.02
