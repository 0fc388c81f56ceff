"""Whether the heads that copy are named: language models trained by several seeds on recall.

What is true is measured on other prompts and in another way: a head copies where it gives more than
half of its weight to the value of the pair that is asked for, and the model needs these heads where
it recalls no more without them. `python benchmarks/copying_heads.py --seeds 10` takes some 15 CPU
seconds a seed.
"""

from __future__ import annotations

import argparse
from types import SimpleNamespace
from typing import Any

import numpy as np
import torch

from deepseek_report.artifacts.array_types import Floats
from deepseek_report.artifacts.split import Split
from deepseek_report.extensions.language_models.inside_language_models import HeadRoles
from deepseek_report.extensions.language_models.language_model import CausalLanguageModel
from deepseek_report.extensions.language_models.residual_stream import (
    Prompts,
    ResidualStream,
    without,
)
from deepseek_report.extensions.language_models.sequence_trainer import _Course, _rounds
from deepseek_report.extensions.language_models.token_tasks import Recall
from deepseek_report.metrics.internals.transformer_trace import sites_of

TASK = Recall()
CLASSES = np.array([TASK.tokens.index(name) for name in TASK.answers])


def trained(seed: int) -> Any:
    """A network that was trained on the task, as the experiment does it."""
    torch.manual_seed(seed)
    model: Any = CausalLanguageModel(checkpoint=None)
    target = SimpleNamespace(codes=None, classes=TASK.answers)
    schema = SimpleNamespace(vocabulary=TASK.tokens, features=range(14), target=target)
    net = model._start(schema).net.train()
    for _ in _rounds(net, TASK, model.recipe, _Course(TASK.easiest), seed):
        pass
    return net.eval()


def drawn(n: int, seed: int) -> Split:
    """Prompts of the task that were not trained on."""
    rows = TASK.rows(n, np.random.default_rng([seed, 77]))
    return Split(rows.values, rows.labels, np.arange(n), truth=rows.truth)


def prompts_of(part: Split) -> Prompts:
    return Prompts.of(list(part.inputs.astype(np.int64)), CLASSES[part.labels])


def named_heads(net: Any, part: Split) -> set[tuple[int, int]]:
    """{(layer, head)} that `head_roles` says to copy, and to be needed."""
    classifier = SimpleNamespace(
        language_model=SimpleNamespace(net=net, tokens=TASK.tokens),
        class_tokens=CLASSES,
        token_ids=lambda inputs: list(inputs.astype(np.int64)),
        name="language_model",
        calls=0,
    )
    dataset = SimpleNamespace(train=part, test=part)
    context: Any = SimpleNamespace(classifier=classifier, dataset=dataset, seed=0, measured={})
    heads = HeadRoles().measure(context).tables["heads"]
    copying = heads[(heads["pattern"] == "after_same") & (heads["needed"] != "")]
    return {(int(layer), int(number)) for layer, number in copying[["layer", "number"]].to_numpy()}


def weight_on_value(net: Any, part: Split) -> Floats:
    """(layer, head) mean weight from the asked key on the value of its pair."""
    value = np.array([np.flatnonzero(known)[1] for known in np.asarray(part.truth)])
    ids = torch.as_tensor(part.inputs).long()
    with torch.inference_mode():
        maps = net.base_model(input_ids=ids, output_attentions=True, use_cache=False).attentions
    rows = np.arange(len(part))
    return np.stack([layer[rows, :, -1, value].double().numpy().mean(axis=0) for layer in maps])


def recalled(net: Any, part: Split, left_out: list[Any]) -> float:
    """The share of right answers without these heads."""
    stream, prompts = ResidualStream(net), prompts_of(part)
    with torch.inference_mode(), without(left_out, prompts.present, "zero"):
        last = stream.last_state(stream.embed(prompts.ids), prompts.lengths)
    answers = CLASSES[stream.logits(last)[:, torch.as_tensor(CLASSES)].argmax(-1).numpy()]
    return float((answers == prompts.answers).mean())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=10)
    torch.set_num_threads(1)
    right = 0
    seeds = parser.parse_args().seeds
    print("seed  right  without the named  without the others after layer 1  named = true")
    for seed in range(seeds):
        net = trained(seed)
        named, fresh = named_heads(net, drawn(300, seed)), drawn(1000, 1000 + seed)
        true = {(int(a), int(b) + 1) for a, b in np.argwhere(weight_on_value(net, fresh) > 0.5)}
        sites = sites_of(net, net.config.num_attention_heads)
        heads = {(s.step.layer - 1, s.step.number): s for s in sites if s.step.kind == "head"}
        own = [site for place, site in heads.items() if place in named]
        others = [site for place, site in heads.items() if place not in named and place[0]]
        shares = [recalled(net, fresh, left_out) for left_out in ([], own, others)]
        right += named == true and shares[1] < 0.5
        print(seed, *(f"{share:.3f}" for share in shares), named == true, sorted(named), sep="  ")
    print(f"{right} of {seeds} seeds: the copying heads are named, and recall is lost without")


if __name__ == "__main__":
    main()
