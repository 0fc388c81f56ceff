"""The prototype model: its configuration."""

from __future__ import annotations

from dataclasses import dataclass

from deepseek_report.artifacts.protocols.modules import ExplainableModule
from deepseek_report.artifacts.schema import Schema
from deepseek_report.artifacts.split import Split
from deepseek_report.data_kinds import kinds_of_structure
from deepseek_report.models.self_explaining.prototype_settings import PrototypeSettings
from deepseek_report.models.shared.loading import ModulePlugin


@dataclass(frozen=True)
class Prototype(ModulePlugin, PrototypeSettings):
    """Decides by nearness to real training cases that it learned to compare with, and shows them.

    Every class has `per_class` prototypes, each one a training case from a pool of `candidates` a
    class. The logit of a class is a bias plus the sum over its prototypes of
    `a · log((d + 1) / (d + ε))`, where d is a distance with a learned weight for each column and
    prototype, and a ≥ 0. The distance is a sum over columns, so the evidence can be told column by
    column. bins : quantile bins of a numeric feature of a table, in which values are compared,
    beside the number itself. shift : of images and series, how far a patch or window of a
    prototype may be moved to where it fits best; null for half of its side, at most 5 steps of
    a series or 1 pixel. pace : how fast weights and a are learned, next to which cases to take.

    Reference: Chen et al. 2019, This Looks Like That, doi 10.48550/arXiv.1806.10574 (the
    similarity and the projection on training cases); Li et al. 2018, Deep Learning for Case-Based
    Reasoning through Prototypes, doi 10.48550/arXiv.1710.04806; Hammer & Villmann 2002,
    Generalized Relevance Learning Vector Quantization, doi 10.1016/S0893-6080(02)00079-5 (the
    learned weights); Keysers et al. 2007, Deformation Models for Image Recognition,
    doi 10.1109/TPAMI.2007.1153 (parts that may move a little).
    """

    name = "prototype"
    capabilities = frozenset({"module", "gradients", "intrinsic", "prototypes"})
    modalities = kinds_of_structure("columns", "grid")
    tasks = frozenset({"classification"})

    def new_module(self, schema: Schema, train: Split, seed: int) -> ExplainableModule:
        from deepseek_report.models.self_explaining.prototype_module import PrototypeModule

        return PrototypeModule(self, schema, train, seed)
