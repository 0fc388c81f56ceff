"""The server of a run: this machine alone, by its token, bounded questions, errors as sentences."""

from __future__ import annotations

import base64
import gzip
import http.client
import json
import time
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import numpy as np
import pandas as pd
import pytest

import deepseek_report as dr
from deepseek_report.artifacts.split import Split
from deepseek_report.errors import ArtifactError, ConfigError, DataError
from deepseek_report.extensions.live import companion as companion_module
from deepseek_report.extensions.live.companion import Companion
from deepseek_report.extensions.live.incoming_rows import header_of, line_of
from deepseek_report.runner.execution.given_rows import ModelRequest
from deepseek_report.runner.given_case_page import write_case_page
from tests.api.conftest import Report
from tests.shared_runs import Terminal

pytest.importorskip("uvicorn", reason="needs the extra `serve`")


@pytest.fixture(scope="module")
def server(companion: Companion) -> Iterator[Any]:
    from deepseek_report.extensions.live.live_server import serve

    with serve(companion) as running:
        yield running


def ask(
    server: Any, path: str, body: bytes | None = b"{}", method: str = "POST", **headers: str
) -> tuple[int, str, dict[str, str]]:
    """The answer to a request that is sent as it stands: status, text, headers."""
    where = urlsplit(server.address)
    connection = http.client.HTTPConnection("127.0.0.1", where.port, timeout=60)
    named = {"Content-Type": "application/json"} | {
        name.replace("_", "-"): value for name, value in headers.items()
    }
    connection.request(method, path, body, named)
    answer = connection.getresponse()
    text = answer.read().decode()
    connection.close()
    return answer.status, text, {name.lower(): value for name, value in answer.getheaders()}


def below(server: Any, name: str) -> str:
    return f"{urlsplit(server.address).path}{name}"


def served(companion: Companion, answer: Mapping[str, object]) -> str:
    """The page of an answer, with plain blanks."""
    page = companion.file(str(answer["page"]))
    assert page is not None
    return page.decode().replace("\u202f", " ").replace("\xa0", " ")


def packed(page: str) -> dict[str, Any]:
    """What the script of a page on cases reads."""
    held = page.split('id="cases">', 1)[1].split("<", 1)[0]
    read: dict[str, Any] = json.loads(gzip.decompress(base64.b64decode(held)))
    return read


def test_it_listens_on_this_machine_alone_behind_a_long_token(server: Any) -> None:
    where = urlsplit(server.address)
    assert where.hostname == "127.0.0.1"
    assert len(where.path) >= 32
    for path in ("/", "/report.html", "/ask/threshold", where.path[:-2] + "/"):
        assert ask(server, path)[0] == 404


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1", "localhost:1", ""])
def test_another_name_for_this_machine_is_refused(server: Any, host: str) -> None:
    status, text, _ = ask(server, below(server, "ask/threshold"), b'{"step": 1}', Host=host)
    assert (status, "this machine alone" in text) == (403, True)


def test_only_the_page_itself_may_ask_and_only_json(server: Any) -> None:
    path, question = below(server, "ask/threshold"), b'{"step": 1}'
    assert ask(server, path, question)[0] == 200
    own = server.address.split("/", 3)
    assert ask(server, path, question, Origin="/".join(own[:3]))[0] == 200
    assert ask(server, path, question, Origin="http://evil.example")[0] == 403
    assert ask(server, path, question, Content_Type="text/plain")[0] == 415
    assert ask(server, path, None, method="GET")[0] == 404
    status, _, headers = ask(server, path, None, method="OPTIONS", Origin="http://evil.example")
    assert status == 405
    assert not any(name.startswith("access-control") for name in headers)


def test_every_answer_forbids_storing_framing_and_telling_its_address(server: Any) -> None:
    for path, method in (("ask/threshold", "POST"), ("nothing.html", "GET")):
        _, _, headers = ask(server, below(server, path), b'{"step": 1}', method)
        assert headers["cache-control"] == "no-store"
        assert headers["referrer-policy"] == "no-referrer"
        assert headers["x-frame-options"] == "DENY"


@pytest.mark.parametrize(
    ("what", "body", "status", "sentence"),
    [
        ("threshold", b"[" * 70_000, 413, "at most"),
        ("threshold", b"[" * 5_000, 422, "question"),
        ("threshold", b"not json", 422, "question"),
        ("threshold", b"[]", 422, "JSON mapping"),
        ("threshold", b'{"step": 1e9}', 422, "whole number"),
        ("threshold", b'{"step": 99999}', 422, "thresholds"),
        ("threshold", b'{"step": 1, "levels": [[9, 9]]}', 422, "no such group"),
        ("what-if", b'{"row": -1, "set": []}', 422, "no such row"),
        ("what-if", b'{"row": 1}', 422, ""),
        ("case", b'{"row": 123456789012}', 422, "no such row"),
        ("cells", b'{"cells": ', 422, "question"),
        ("new-case", b"{}", 422, "a mapping from columns to texts"),
        ("new-case", b'{"cells": {"AGE": 41}}', 422, "a mapping from columns to texts"),
        ("new-case", b'{"cells": {"AGE": "41"}}', 422, "22 values cannot be read"),
        ("new-case", b'{"cells": {"AGE": "' + b"4" * 65_536 + b'"}}', 413, "at most"),
        ("note", b'{"section": "../run", "text": "x"}', 422, "the report has"),
        ("note", b'{"section": "bias", "text": " "}', 422, "characters"),
        ("shell", b"{}", 422, "the page can ask for"),
    ],
)
def test_a_wrong_question_gets_a_sentence(
    server: Any, what: str, body: bytes, status: int, sentence: str
) -> None:
    answered, text, _ = ask(server, below(server, f"ask/{what}"), body)
    assert answered == status
    error = json.loads(text)["error"]
    assert sentence in error
    assert "Traceback" not in error


@pytest.mark.parametrize(
    ("before", "text", "sentence"),
    [
        ("", "[" * 3_990, "no result after 1 s"),
        ("", "@a [" * 990, "no result after 1 s"),
        ("[" * 2_000, "[" * 2_000, "no result after 1 s"),
        ("", ">" * 3_990, "in each other"),
        ("", "1. " * 1_300, "in each other"),
        ("", "\ud800", "surrogates not allowed"),
        (f"{'x' * 3_999}\n\n" * 16, "x" * 3_999, "would have 68017 bytes and may have 65536"),
    ],
)
def test_a_note_that_cannot_be_shown_is_refused_when_it_comes(
    server: Any, before: str, text: str, sentence: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(companion_module, "_SECONDS_OF_NOTE", 1)
    path = server.companion.opened.folder / "notes" / "bias.qmd"
    path.parent.mkdir(exist_ok=True)
    path.write_text(before)
    started = time.monotonic()
    question = json.dumps({"section": "bias", "text": text})
    status, answer, _ = ask(server, below(server, "ask/note"), question.encode())
    assert (status, time.monotonic() - started < 10) == (422, True)
    assert "notes/bias.qmd: not added" in json.loads(answer)["error"]
    assert sentence in json.loads(answer)["error"]
    assert path.read_text() == before
    path.unlink()
    assert ask(server, below(server, ""), None, "GET")[0] == 200


@pytest.mark.parametrize(
    "name", ["run.json", "artifacts/data/test.npz", "tables/../run.json", "%2e%2e/run.json",
             "tables/cases.json", "/etc/passwd", "notes/bias.qmd", "..%2f..%2fx.csv"]
)  # fmt: skip
def test_no_file_is_given_but_those_that_the_page_links_to(server: Any, name: str) -> None:
    assert ask(server, below(server, name), None, "GET")[0] == 404


def test_tables_that_the_page_links_to_are_given(server: Any, companion: Companion) -> None:
    name = "tables/bias-groups.csv"
    status, text, _ = ask(server, below(server, name), None, "GET")
    assert (status, text) == (200, (companion.opened.folder / name).read_text("utf-8"))


def test_a_page_that_somebody_put_into_the_folder_runs_no_script(
    server: Any, companion: Companion
) -> None:
    forged = companion.opened.folder / "tables" / "forged.html"
    forged.write_text("<script>fetch('../ask/note', {method: 'POST'})</script>", "utf-8")
    _, _, headers = ask(server, below(server, "tables/forged.html"), None, "GET")
    assert headers["content-security-policy"] == "sandbox allow-downloads"


@pytest.fixture(scope="module")
def typed(companion: Companion) -> dict[str, str]:
    """The cells of a training row, one of them far outside of the data, as a person types them."""
    stored, schema = companion.stored, companion.opened.results.schema
    codes = line_of(stored.dataset.train.inputs[7], schema).split(",")
    cells = dict(zip(header_of(schema).split(","), codes, strict=True))
    return cells | {"AGE": "-4", "SEX": "woman"}


def test_a_typed_case_gets_what_explain_case_says_of_a_file_with_it(
    companion: Companion, typed: dict[str, str], tmp_path: Path
) -> None:
    stored = companion.stored
    answer = companion.answer("new-case", {"cells": typed})
    path = tmp_path / "row.json"
    path.write_text(json.dumps(typed), "utf-8")
    request = ModelRequest(companion.opened.folder, stored.stages["data"].parents[1])
    (tmp_path / "work").mkdir()
    explained = write_case_page(request, path, tmp_path / "work", None)
    (case,) = explained.answer["cases"]
    assert (answer["called"], answer["summary"]) == (case["called"], case["summary"])
    assert answer["called"] == "new client 1"
    assert answer["notes"] == explained.answer["notes"] == list(explained.notes)
    assert "age is −4\u00a0years (theirs: 21\u00a0years to " in explained.notes[0]
    text = served(companion, answer)
    assert "age is −4 years" in text
    (shown,) = packed(text)["cases"]
    assert (shown["id"], shown["name"]) == (-1, "new client 1")
    assert packed(text)["pages"][0]["title"] == "A new case"


def test_a_case_is_explained_in_the_language_of_the_report(
    companion: Companion, typed: dict[str, str]
) -> None:
    run = companion.opened.run
    report = {**run.report, "language": "zh"}
    opened = replace(companion.opened, run=replace(run, config={**run.config, "report": report}))
    chinese = Companion(opened, replace(companion.stored, opened=opened), companion.metrics)
    answer = chinese.answer("new-case", {"cells": typed | {"SEX": "2"}})
    assert answer["called"] == "新客户 1"
    assert "年龄为 −4\u00a0岁" in answer["notes"][0]
    (case,) = packed(served(chinese, answer))["pages"]
    assert case["way"]["steps"][0][0] == "进入时的输入"
    age, *_ = (cell for cell in chinese.answer("cells", {})["cells"] if cell["name"] == "AGE")
    assert (age["label"], age["ends"][0][-1]) == ("年龄", "岁")
    chinese.close()


def test_all_cells_that_cannot_be_read_are_told_at_once_each_with_what_is_allowed(
    server: Any, typed: dict[str, str]
) -> None:
    wrong = typed | {"AGE": "<b>old</b>", "SEX": "womann", "LIMIT_BAL": "1e999"}
    del wrong["EDUCATION"]
    question = json.dumps({"cells": wrong}).encode()
    status, text, _ = ask(server, below(server, "ask/new-case"), question)
    assert status == 422
    faults = json.loads(text)["faults"]
    assert set(faults) == {"AGE", "SEX", "LIMIT_BAL", "EDUCATION"}
    assert all("Allowed: " in text and "What to do: " in text for text in faults.values())
    assert "did you mean 'woman'?" in faults["SEX"]
    assert "4 values cannot be read" in json.loads(text)["error"]


def test_the_cells_that_a_person_fills_in_say_what_training_rows_have(companion: Companion) -> None:
    cells = companion.answer("cells", {})["cells"]
    train, schema = companion.stored.dataset.train.inputs, companion.opened.results.schema
    assert [cell["name"] for cell in cells] == schema.names
    for cell, feature, values in zip(cells, schema.features, train.T, strict=True):
        assert [code for code, _ in cell["choices"]] == [known.code for known in feature.categories]
        ends = [feature.display(float(end)) for end in (values.min(), values.max())]
        assert cell["ends"] == (ends if feature.is_numeric else [])


def test_typed_cases_are_numbered_one_after_another_and_the_oldest_pages_go(
    companion: Companion, typed: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def made(self: Companion, rows: Split, name: str) -> dict[str, Any]:
        (self.work / name).write_text(str(rows.instance_ids.tolist()))
        return {"cases": [{"called": "", "summary": ""}], "strange": []}

    monkeypatch.setattr(Companion, "_explain", made)
    monkeypatch.setattr("deepseek_report.extensions.live.companion._MOST_TYPED", 2)
    pages = [str(companion.answer("new-case", {"cells": typed})["page"]) for _ in range(4)]
    assert len(set(pages)) == 4
    assert [companion.file(page) is None for page in pages] == [True, True, False, False]
    assert f"new-{companion._n_typed}.html" == pages[-1]
    assert companion.file(pages[-1]) == f"[{-companion._n_typed}]".encode()


def test_a_row_of_the_data_is_called_by_its_number_and_a_new_one_is_not(
    companion: Companion,
) -> None:
    row = int(companion.stored.dataset.test.instance_ids[3])
    text = served(companion, companion.answer("case", {"row": row}))
    assert f"Client {row} of the data" in text
    shown = packed(text)
    assert [case["id"] for case in shown["cases"]] == [row]
    assert shown["pages"][0]["called"] == f"client {row}"
    assert shown["pages"][0]["title"] == "Asked for by its number"


def test_what_if_is_the_answer_of_the_stored_model(server: Any, companion: Companion) -> None:
    test, stored = companion.stored.dataset.test, companion.stored
    row = test.inputs[3].copy()
    column = next(
        at for at, place in enumerate(companion._columns)
        if companion.opened.results.schema.features[place].is_numeric
    )  # fmt: skip
    row[companion._columns[column]] = 1234.5
    question = {"row": int(test.instance_ids[3]), "set": [[column, 1234.5]]}
    status, text, _ = ask(server, below(server, "ask/what-if"), json.dumps(question).encode())
    assert status == 200
    expected = stored.predictions_of(row[None]).scores
    assert json.loads(text)["output"] == pytest.approx(expected.tolist(), abs=1e-12)


def test_a_category_that_a_feature_does_not_have_is_refused(companion: Companion) -> None:
    features = companion.opened.results.schema.features
    at = next(k for k, place in enumerate(companion._columns) if not features[place].is_numeric)
    row = int(companion.stored.dataset.test.instance_ids[0])
    with pytest.raises(DataError, match="values, from 0"):
        companion.answer("what-if", {"row": row, "set": [[at, 0.5]]})


def test_a_whole_set_of_rows_gets_the_numbers_of_the_report(companion: Companion) -> None:
    results = companion.opened.results
    steps = results.table("threshold_sweep", "steps")
    assert steps is not None
    in_use = int(np.flatnonzero(steps["in_use"])[0])
    stored = json.loads((companion.opened.folder / "tables" / "thresholds.json").read_text("utf-8"))
    answer = companion.answer("threshold", {"step": in_use})
    assert answer["rates"] == stored["rates"][str(in_use)]
    assert answer["groups"] == [group["steps"][str(in_use)][:4] for group in stored["groups"]]


def test_without_the_store_thresholds_still_move_and_what_if_says_why_not(
    small_run: Any, tmp_path: Any
) -> None:
    folder = small_run.copied(tmp_path / small_run.folder.name)
    companion = Companion.of(ModelRequest(folder, tmp_path / "no-store"))
    assert companion.answer("threshold", {"step": 3})["n"] > 0
    with pytest.raises(ArtifactError, match="not there"):
        companion.answer("what-if", {"row": 1, "set": []})
    companion.close()


def test_a_port_that_is_taken_is_a_sentence(server: Any, companion: Companion) -> None:
    from deepseek_report.extensions.live.live_server import serve

    with pytest.raises(ConfigError, match="name another one"):
        serve(companion, urlsplit(server.address).port or 0)


def test_a_folder_that_is_no_run_is_a_sentence(tmp_path: Any, terminal: Terminal) -> None:
    assert "not a run folder" in terminal("serve", tmp_path, code=1).err


def test_a_served_run_asks_the_model_that_was_given_and_one_that_was_loaded_says_how(
    report: Report, numbers: pd.DataFrame, labels: pd.Series
) -> None:
    from sklearn.linear_model import LogisticRegression

    model = LogisticRegression(max_iter=1000).fit(numbers[:120], labels[:120])
    metrics = ["roc_auc", "deletion", "faithfulness_effect", "cases", "what_if"]
    made = report(
        model,
        numbers[120:],
        labels[120:],
        metrics=metrics,
        explainers=["shap", "random"],
        sections=["cases", "performance"],
        title="Served from memory",
    )
    with made.serve() as server:
        row = int(made.results.predictions.instance_ids[0])
        what_if = server.companion.answer("what-if", {"row": row, "set": [[0, 70]]})
        column = made.results.schema.names[server.companion._columns[0]]
        page = server.companion.answer("case", {"row": row})["page"]
        assert server.companion.file(page) is not None
    changed = numbers[120:].iloc[[row]].assign(**{column: 70})
    explained = made.results.schema.target.explained
    assert what_if["output"] == pytest.approx(model.predict_proba(changed)[:, explained])
    with dr.load_run(made.path).serve() as server, pytest.raises(ArtifactError, match="in Python"):
        server.companion.answer("what-if", {"row": row, "set": []})
