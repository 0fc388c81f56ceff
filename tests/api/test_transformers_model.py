"""A model of transformers with its tokenizer explains texts as a checkpoint does."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from deepseek_report.errors import ConfigError
from tests.api.conftest import Report

WORDS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "good", "bad", "film", "a", "the", "plot"]


@pytest.fixture(scope="module")
def classifier() -> Any:
    """A tiny classifier with weights drawn at random, and its tokenizer."""
    import torch
    from transformers import BertConfig, BertForSequenceClassification, BertTokenizer

    torch.manual_seed(0)
    config = BertConfig(
        vocab_size=len(WORDS),
        hidden_size=16,
        num_hidden_layers=1,
        num_attention_heads=2,
        intermediate_size=16,
        max_position_embeddings=32,
    )
    tokenizer = BertTokenizer(vocab={word: i for i, word in enumerate(WORDS)})
    return BertForSequenceClassification(config).eval(), tokenizer


@pytest.fixture(scope="module")
def reviews() -> tuple[list[str], pd.Series]:
    """Texts of four to eight words, called by their first word."""
    random = np.random.default_rng(1)
    texts = [
        f"{first} {' '.join(random.choice(WORDS[5:], random.integers(3, 8)))}"
        for first in random.choice(["good", "bad"], 150)
    ]
    labels = ["liked" if text.startswith("good") else "disliked" for text in texts]
    return texts, pd.Series(labels, name="mood")


def test_a_classifier_of_transformers_answers_as_it_does_by_itself(
    report: Report, classifier: Any, reviews: Any
) -> None:
    import torch

    model, tokenizer = classifier
    texts, labels = reviews
    run = report(model, texts, labels, tokenizer=tokenizer, positive="liked")
    tested = run.results.predictions
    encoded = tokenizer([texts[i] for i in tested.instance_ids], padding=True, return_tensors="pt")
    with torch.no_grad():
        expected = torch.softmax(model(**encoded).logits, dim=1).numpy()
    assert run.results.schema.modality == "text"
    np.testing.assert_allclose(tested.probabilities, expected, atol=1e-5)
    assert not run.failed


def test_a_tokenizer_without_a_model_of_transformers_is_refused(
    report: Report, classifier: Any, reviews: Any
) -> None:
    with pytest.raises(ConfigError, match="is no model of transformers"):
        report(lambda texts: [0.5] * len(texts), *reviews, tokenizer=classifier[1])
