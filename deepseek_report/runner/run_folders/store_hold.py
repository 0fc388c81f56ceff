"""What a command does with the stores that it uses, from its start to its end."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager

from deepseek_report.runner.execution.run_events import Reporter
from deepseek_report.store import Store
from deepseek_report.store.folders import held


@contextmanager
def using(stores: Iterable[Store], reporter: Reporter) -> Iterator[None]:
    """`clean` takes nothing out of them meanwhile; at the end, what waits to be sent is sent.

    What still cannot be sent is told: the next command that uses the store tries again.
    """
    stores = list(dict.fromkeys(stores))
    with ExitStack() as stack:
        for store in stores:
            stack.enter_context(held(store.root))
        yield
        for store in stores:
            unsent = store.send_waiting()
            if unsent is not None:
                stages = "1 stage" if unsent.stages == 1 else f"{unsent.stages} stages"
                reporter.warned(
                    f"{stages} could not be sent to the remote store, and the next run with this "
                    f"paths.store sends what is left: {unsent.reason}"
                )
