"""Tables as people bring them, and how `init` and the recognition of identifiers do with them.

    python benchmarks/own_tables.py columns          drops of measurements, finds of identifiers
    python benchmarks/own_tables.py write FOLDER     the ten tables, as files
    python benchmarks/own_tables.py runs FOLDER [NAME…]
                                                     init --yes, then the command that it prints

The tables are of kinds on which earlier versions wrote nothing, or wrote what then stopped.
"""

from __future__ import annotations

import hashlib
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
    yield "reachable", pd.Series([f"+49 30 {i}" for i in random.choice(10**7, n, replace=False) + 10**7])
    yield "mobile", pd.Series(random.choice(10**9, n, replace=False) + 15 * 10**10)
    yield "account", pd.Series(random.choice(9 * 10**9, n, replace=False) + 10**9)
    yield "loan", pd.Series([f"LP{i:06d}" for i in random.choice(10**6, n, replace=False)])
    yield "plate", pd.Series(
        ["".join(random.choice(letters, 2)) + f"-{i}" for i in random.choice(9000, n) + 1000]
    )
    yield "who", pd.Series([f"{''.join(random.choice(letters, 6))} {''.join(random.choice(letters, 7))}".title() for _ in range(n)])
    yield "remark", pd.Series([" ".join(random.choice(["late", "paid", "call", "again", "never", "asked"], 9)) for _ in range(n)])
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


if __name__ == "__main__":
    columns()
