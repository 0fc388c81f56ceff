"""The routed transformer over features, words, patches or windows: its configuration."""

from __future__ import annotations

from dataclasses import dataclass

from deepseek_report.artifacts.protocols.modules import ExplainableModule
from deepseek_report.artifacts.schema import ALL_TASKS, Schema
from deepseek_report.artifacts.split import Split
from deepseek_report.data_kinds import ALL_KINDS
from deepseek_report.models.routed.deepseek_settings import DeepSeekSettings
from deepseek_report.models.shared.loading import ModulePlugin


@dataclass(frozen=True)
class DeepSeek(ModulePlugin, DeepSeekSettings):
    """A transformer over any kind of data, with routed heads, local and global, and sparse experts.

    A token is a feature of a table, a word of a text, a patch of an image or a window of a series;
    a summary token stands before them. size : width, layers, heads, experts, experts_per_token and
    expert_width of `SIZES`; each that is given here takes the place of the size's.

    width : length of a token, a multiple of 2 · heads; heads : in each branch; experts_per_token :
    how many of `experts` a token uses; expert_width : hidden units of one expert; shared_expert :
    whether one more expert serves every token; bins : quantile bins of a numeric feature; patch :
    pixels to a side of a patch, or steps of a window (None: the fewest with which there are at most
    64 tokens); masking : share of the words, patches or windows that training hides; window : reach
    of the local branch in tokens (None: 3, in images 1 to each side); global_keys : up to so many
    tokens the global branch reads them as they are, of more the means of neighbours; dropout,
    drop_path : shares dropped while training; pool : what the output reads, the summary token or
    the mean of all (None: the summary in tables, else the mean).
    """

    name = "deepseek"
    capabilities = frozenset({"module", "gradients", "attention", "routing", "experts"})
    modalities = ALL_KINDS
    tasks = ALL_TASKS

    def new_module(self, schema: Schema, train: Split, seed: int) -> ExplainableModule:
        from deepseek_report.models.routed.deepseek_module import DeepSeekModule

        return DeepSeekModule(self, schema, train)
