"""Tables as people bring them, and how `init` and the recognition of identifiers do with them.

    python benchmarks/own_tables.py columns          drops of measurements, finds of identifiers
    python benchmarks/own_tables.py write FOLDER     the ten tables, as files
    python benchmarks/own_tables.py runs FOLDER [NAME…]
                                                     init --yes, then the command that it prints

The tables are of kinds that people have and that are easily read wrongly.
"""

from __future__ import annotations

import hashlib
import os
import shlex
import subprocess
import sys
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from time import perf_counter

import numpy as np
import pandas as pd

Random = np.random.Generator

# --- single columns -------------------------------------------------------------------------------


def measurements(random: Random, n: int) -> Iterator[tuple[str, pd.Series]]:
    """Columns of measurements and categories, of which many have no value twice."""
    lognormal = random.lognormal(10, 0.6, n)
    yield "income", pd.Series(lognormal.round(2))
    yield "salary_eur", pd.Series(np.rint(lognormal).astype(int))
    yield "monthly_income", pd.Series((lognormal // 100).astype(int) * 100)
    yield "amount", pd.Series(random.gamma(2, 4000, n))
    yield "amount_no_vat", pd.Series(random.gamma(2, 4000, n).round(2))
    yield "sorted_income", pd.Series(np.sort(np.rint(lognormal).astype(int)))
    yield "price_index", pd.Series(random.normal(100, 5, n).round(3))
    yield "market_value", pd.Series(np.rint(random.lognormal(20, 1, n)))
    yield "house_price", pd.Series(random.integers(150_000, 900_000, n) // 500 * 500)
    yield "population", pd.Series(np.rint(random.lognormal(11, 1.5, n)))
    yield "bytes", pd.Series(np.rint(random.lognormal(15, 2, n)))
    yield "age", pd.Series(random.integers(18, 90, n))
    yield "age_in_days", pd.Series(random.integers(6000, 33_000, n))
    yield "year", pd.Series(1900 + np.arange(n))
    yield "temperature", pd.Series(np.sort(random.normal(15, 8, n)))
    yield "weight_g", pd.Series(random.integers(2000, 4500, n))
    yield "seconds", pd.Series(np.cumsum(random.integers(3, 60, n)))
    yield "timestamp", pd.Series(random.integers(1_500_000_000, 1_700_000_000, n))
    yield "score", pd.Series(random.integers(300, 850, n))
    yield "rank", pd.Series(random.permutation(n) + 1)
    yield "rooms", pd.Series(random.poisson(4, n))
    yield "with_unit", pd.Series([f"{value:.2f} kg" for value in random.normal(70, 12, n)])
    yield "with_currency", pd.Series([f"EUR {value:,.2f}" for value in lognormal])
    yield "blood_pressure", pd.Series([f"{a}/{a - 40}" for a in random.integers(95, 190, n)])
    yield "city", pd.Series(random.choice(["Ulm", "Bonn", "Kiel", "Jena", "Trier"], n))
    yield "zip", pd.Series(random.choice(random.integers(10_000, 99_999, max(n // 3, 5)), n))
    yield "grade", pd.Series(random.choice(["A1", "A2", "B1", "B2", "C1"], n))
    yield "log_income", pd.Series(np.log(lognormal))
    yield "share", pd.Series(random.beta(2, 5, n))
    yield "loan", pd.Series(random.integers(1000, 40_000, n))


def identifiers(random: Random, n: int) -> Iterator[tuple[str, pd.Series]]:
    """Columns that only say which row it is."""
    letters = np.array(list("ABCDEFGHJKLMNPRSTUVWXYZ"))
    yield "rownames", pd.Series(np.arange(n) + 1)
    yield "Unnamed: 0", pd.Series(np.arange(n))
    yield "col1", pd.Series(np.arange(n) + 10_001)
    yield "col2", pd.Series(np.flatnonzero(random.random(2 * n) < 0.8)[:n])
    yield "col3", pd.Series(random.permutation(n) + 1000)
    yield "client_no", pd.Series(random.choice(10**7, n, replace=False) + 10**6)
    yield "kunden_nr", pd.Series(random.choice(10**6, n, replace=False))
    yield "nr", pd.Series(random.permutation(3 * n)[:n])
    yield "CustomerId", pd.Series(random.choice(10**8, n, replace=False))
    yield "客户编号", pd.Series(random.choice(10**6, n, replace=False))
    yield "session", pd.Series([str(uuid.UUID(bytes=random.bytes(16))) for _ in range(n)])
    yield "digest", pd.Series([hashlib.sha256(random.bytes(8)).hexdigest() for _ in range(n)])
    yield "picture", pd.Series([f"scan_{i:05d}.png" for i in random.permutation(n)])
    yield "contact", pd.Series([f"p{i}@example.org" for i in random.permutation(n)])
    yield (
        "reachable",
        pd.Series([f"+49 30 {i}" for i in random.choice(10**7, n, replace=False) + 10**7]),
    )
    yield "mobile", pd.Series(random.choice(10**9, n, replace=False) + 15 * 10**10)
    yield "account", pd.Series(random.choice(9 * 10**9, n, replace=False) + 10**9)
    yield "loan", pd.Series([f"LP{i:06d}" for i in random.choice(10**6, n, replace=False)])
    yield (
        "plate",
        pd.Series(
            ["".join(random.choice(letters, 2)) + f"-{i}" for i in random.choice(9000, n) + 1000]
        ),
    )
    yield (
        "who",
        pd.Series(
            [
                f"{''.join(random.choice(letters, 6))} {''.join(random.choice(letters, 7))}".title()
                for _ in range(n)
            ]
        ),
    )
    yield (
        "remark",
        pd.Series(
            [
                " ".join(random.choice(["late", "paid", "call", "again", "never", "asked"], 9))
                for _ in range(n)
            ]
        ),
    )
    repeated = np.arange(n) + 1
    repeated[-max(n // 60, 1) :] = repeated[: max(n // 60, 1)]
    yield "member_id", pd.Series(repeated)


def columns(tables: int = 200) -> None:
    """How many measurements would be left out, and how many identifiers are told."""
    from deepseek_report.datasets.readers.cells import is_date, read_cells
    from deepseek_report.datasets.readers.identifiers import identifier_of

    wrong: dict[str, int] = {}
    missed: dict[str, int] = {}
    n_wrong = n_found = n_all = n_measured = 0
    for seed in range(tables):
        random = np.random.default_rng(seed)
        n = int(random.choice([60, 200, 600, 2400, 6000]))
        for name, series in measurements(random, n):
            n_measured += 1
            told = identifier_of(read_cells(series, name))
            if told is not None or is_date(read_cells(series, name)):
                n_wrong += 1
                wrong[f"{name} ({told and told.sign}, {n} rows)"] = 1 + wrong.get(name, 0)
        for name, series in identifiers(random, n):
            n_all += 1
            n_found += identifier_of(read_cells(series, name)) is not None
            if identifier_of(read_cells(series, name)) is None:
                missed[f"{name} ({n} rows)"] = 1 + missed.get(f"{name} ({n} rows)", 0)
    print(f"measurements left out: {n_wrong} of {n_measured} in {tables} tables {wrong}")
    print(f"identifiers told: {n_found} of {n_all} ({n_found / n_all:.2%}); missed: {missed}")


# --- ten tables -----------------------------------------------------------------------------------


def _people(random: Random, n: int, share: float = 0.3) -> tuple[pd.DataFrame, np.ndarray]:
    """Applicants with a decision that goes with what is known of them, and its risk."""
    frame = pd.DataFrame(
        {
            "income": random.lognormal(10.3, 0.5, n).round(2),
            "loan_amount": (random.gamma(3, 6000, n) // 100 * 100).astype(int),
            "age": random.integers(19, 78, n),
            "sex": random.choice(["f", "m"], n),
            "years_employed": random.gamma(2, 4, n).round(1),
            "children": random.poisson(0.9, n),
            "region": random.choice(["north", "east", "south", "west"], n),
            "cards": random.integers(0, 6, n),
        }
    )
    risk = frame["loan_amount"] / frame["income"] - 0.02 * frame["years_employed"]
    risk = risk + 0.1 * frame["cards"] + random.normal(0, 0.25, n)
    return frame, (risk > np.quantile(risk, 1 - share)).to_numpy()


def r_export(folder: Path) -> list[str]:
    """A table of 2 380 applicants that R wrote, with its row names."""
    frame, bad = _people(np.random.default_rng(1), 2380, 0.12)
    frame["deny"] = np.where(bad, "yes", "no")
    frame.index = np.arange(1, len(frame) + 1)
    frame.to_csv(folder / "hmda.csv", quoting=2)
    return ["--data", "hmda.csv", "--target", "deny"]


def ids_and_dates(folder: Path) -> list[str]:
    """An export with numbers of clients, sessions, addresses, dates and remarks."""
    random, n = np.random.default_rng(2), 1500
    frame, left = _people(random, n, 0.25)
    frame.insert(0, "client_no", random.choice(10**7, n, replace=False) + 10**6)
    frame["session"] = [str(uuid.UUID(bytes=random.bytes(16))) for _ in range(n)]
    frame["email"] = [f"p{i}@example.org" for i in random.permutation(n)]
    frame["SignupDate"] = pd.Timestamp("2022-01-01") + pd.to_timedelta(
        random.integers(0, 900, n), "D"
    )
    frame["SignupDate"] = frame["SignupDate"].dt.strftime("%d.%m.%Y")
    words = ["late", "paid", "call", "again", "never", "asked", "for", "the", "bill"]
    frame["remark"] = [" ".join(random.choice(words, random.integers(4, 14))) for _ in range(n)]
    frame["Churn"] = np.where(left, "Yes", "No")
    frame.to_csv(folder / "clients.csv", index=False)
    return ["--data", "clients.csv"]


def german(folder: Path) -> list[str]:
    """A German export: cp1252, semicolons, decimal commas, dots between thousands."""
    frame, bad = _people(np.random.default_rng(3), 1000)
    frame.insert(0, "lfd_nr", np.arange(len(frame)) + 1)
    frame["income"] = [f"{x:,.2f}".translate(str.maketrans(",.", ".,")) for x in frame["income"]]
    frame["years_employed"] = [f"{x:.1f}".replace(".", ",") for x in frame["years_employed"]]
    frame["region"] = frame["region"].map(
        {"north": "Lüneburg", "east": "Görlitz", "south": "München", "west": "Köln"}
    )
    names = ("lfd_nr", "Einkommen_EUR", "Kredithöhe", "Alter", "Geschlecht", "Jahre_beschäftigt")
    frame.columns = [*names, "Kinder", "Größe_Region", "Karten"]
    frame["Zahlungsausfall"] = np.where(bad, "ja", "nein")
    frame.to_csv(folder / "kredite.csv", sep=";", index=False, encoding="cp1252")
    return ["--data", "kredite.csv", "--target", "Zahlungsausfall"]


def chinese(folder: Path) -> list[str]:
    """A Chinese export in GB18030."""
    random = np.random.default_rng(4)
    frame, bad = _people(random, 1200)
    frame["sex"] = frame["sex"].map({"f": "女", "m": "男"})
    frame["region"] = frame["region"].map(
        {"north": "北", "east": "东", "south": "南", "west": "西"}
    )
    frame.columns = ["收入", "贷款金额", "年龄", "性别", "工龄", "子女数", "地区", "信用卡数"]
    frame.insert(0, "客户编号", random.choice(10**6, len(frame), replace=False))
    frame["违约"] = np.where(bad, "是", "否")
    frame.to_csv(folder / "贷款.csv", index=False, encoding="gb18030")
    return ["--data", "贷款.csv"]


def utf16(folder: Path) -> list[str]:
    """A spreadsheet's text export: UTF-16 with tabs, a number to predict, gaps."""
    random = np.random.default_rng(5)
    frame, _ = _people(random, 900)
    frame["price_eur"] = (
        3 * frame["income"] + 5000 * frame["cards"] + random.normal(0, 9000, len(frame))
    ).round(2)
    frame["years_employed"] = frame["years_employed"].astype(object)
    frame.loc[random.random(len(frame)) < 0.05, "years_employed"] = "n.k."
    frame.to_csv(folder / "prices.txt", sep="\t", index=False, encoding="utf-16")
    return ["--data", "prices.txt", "--target", "price_eur"]


def workbook(folder: Path) -> list[str]:
    """A workbook of people by their names, with a ticket and a cabin."""
    random, n = np.random.default_rng(6), 880
    frame, gone = _people(random, n, 0.4)
    first, last = ["Anna", "Ben", "Clara", "Dan", "Eva"], ["Smith", "Miller", "Braun", "Meyer"]
    frame.insert(
        0,
        "Name",
        [
            f"{random.choice(last)}{i}, {random.choice(['Mr.', 'Mrs.'])} {random.choice(first)}"
            for i in range(n)
        ],
    )
    frame["Ticket"] = [
        random.choice(["PC ", "A/5 ", ""]) + str(i) for i in random.integers(1000, 1700, n)
    ]
    frame["Cabin"] = [
        f"{random.choice(list('ABC'))}{i}" if i < 150 else None for i in random.integers(1, 600, n)
    ]
    frame["Survived"] = (~gone).astype(int)
    with pd.ExcelWriter(folder / "passengers.xlsx") as book:
        frame.to_excel(book, sheet_name="Passengers", index=False)
    return ["--data", "passengers.xlsx", "--target", "Survived"]


def small(folder: Path) -> list[str]:
    """Sixty patients."""
    random = np.random.default_rng(7)
    frame, ill = _people(random, 60, 0.4)
    frame = frame[["age", "sex", "children", "years_employed"]].assign(
        patient_id=[f"P{i:03d}" for i in range(60)], chol=random.normal(210, 30, 60).round(1)
    )
    frame["disease"] = ill.astype(int)
    frame.to_csv(folder / "patients.csv", index=False)
    return ["--data", "patients.csv"]


def many_classes(folder: Path) -> list[str]:
    """Products of 25 kinds."""
    random, n = np.random.default_rng(8), 2500
    kind = random.integers(0, 25, n)
    frame = pd.DataFrame(
        random.normal(0, 1, (n, 6)).round(3), columns=[f"size_{c}" for c in "abcdef"]
    )
    frame["size_a"] += kind % 5
    frame["size_b"] += kind // 5
    frame["kind"] = [f"kind {i + 1}" for i in kind]
    frame.to_csv(folder / "products.csv", index=False)
    return ["--data", "products.csv", "--target", "kind"]


def large(folder: Path) -> list[str]:
    """Two hundred thousand rows of forty columns."""
    random, n = np.random.default_rng(9), 200_000
    frame = pd.DataFrame(
        random.normal(0, 1, (n, 37)).round(4), columns=[f"v{i + 1}" for i in range(37)]
    )
    frame.insert(0, "account_id", np.arange(n) + 500_000)
    frame["segment"] = random.choice(["a1", "b1", "c1"], n)
    risk = frame["v1"] + 0.5 * frame["v2"] * frame["v3"] + random.normal(0, 1, n)
    frame["outcome"] = np.where(risk > 0.8, "default", "repaid")
    frame.to_csv(folder / "accounts.csv", index=False)
    return ["--data", "accounts.csv", "--target", "outcome"]


def rare(folder: Path) -> list[str]:
    """One fraud in two hundred."""
    random = np.random.default_rng(10)
    frame, fraud = _people(random, 12_000, 0.005)
    frame["transaction"] = [f"TX{i:08d}" for i in random.choice(10**8, len(frame), replace=False)]
    frame["fraud"] = fraud.astype(int)
    frame.to_csv(folder / "fraud.csv", index=False)
    return ["--data", "fraud.csv", "--target", "fraud"]


#: Each writes its table into a folder and gives the arguments of `init`.
TABLES: dict[str, Callable[[Path], list[str]]] = {
    make.__name__: make
    for make in (
        *(r_export, ids_and_dates, german, chinese, utf16, workbook, small, many_classes),
        *(large, rare),
    )
}


def write(folder: Path) -> None:
    for name, make in TABLES.items():
        (folder / name).mkdir(parents=True, exist_ok=True)
        print(name, shlex.join(make(folder / name)))


def runs(folder: Path, names: list[str]) -> None:
    """`init --yes`, then what it prints behind "Then:"; what both say lies beside the table."""
    program = [sys.executable, "-m", "deepseek_report"]
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    environment = {**os.environ, "PATH": path}
    for name in names or list(TABLES):
        place = folder / name
        place.mkdir(parents=True, exist_ok=True)
        arguments = TABLES[name](place)
        made = subprocess.run(
            [*program, "init", "study", "--yes", *arguments],
            cwd=place,
            capture_output=True,
            text=True,
            check=False,
        )
        (place / "init.txt").write_text(made.stdout + made.stderr)
        command = made.stdout.rpartition("Then: ")[2].strip() or "false"
        start = perf_counter()
        run = subprocess.run(  # noqa: S602 - the line as a person pastes it
            command,
            shell=True,
            cwd=place,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
        (place / "report.txt").write_text(run.stdout + run.stderr)
        seconds = perf_counter() - start
        print(
            f"{name}: init {made.returncode}, {command}: {run.returncode} after {seconds:.0f} s",
            flush=True,
        )


if __name__ == "__main__":
    match sys.argv[1:]:
        case ["write", place]:
            write(Path(place))
        case ["runs", place, *chosen]:
            runs(Path(place), chosen)
        case _:
            columns()
