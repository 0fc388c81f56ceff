"""Networks of which only a part is trained: what is stored of them, and what is computed once."""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import Any

import torch
from torch import Tensor, nn

from deepseek_report.errors import ArtifactError

_DIGEST = "checkpoint_digest"


def set_trained(net: nn.Module, names: Collection[str]) -> None:
    """Let training change the parameters of these names and no others."""
    for name, parameter in net.named_parameters():
        parameter.requires_grad_(name in names)


def keep_only(module: nn.Module, digest: str) -> None:
    """Make a module's state what training can change, and the hash of the checkpoint of the rest.

    Parameters
    ----------
    module : has the network as `net`; its other parts are always kept. digest : SHA-256 of the
    checkpoint, in hexadecimal; a state that was stored with another one is refused.
    """
    value = torch.tensor(list(bytes.fromhex(digest)), dtype=torch.uint8)
    module.register_buffer(_DIGEST, value)
    module.digest = digest  # type: ignore[assignment]
    module.register_state_dict_post_hook(_leave_out)
    module.register_load_state_dict_post_hook(_not_missing)


def _left_out(module: nn.Module) -> set[str]:
    """Names in the state that come from the checkpoint."""
    net: Any = module.net
    frozen = {name for name, parameter in net.named_parameters() if not parameter.requires_grad}
    return {f"net.{name}" for name in frozen | {name for name, _ in net.named_buffers()}}


def _leave_out(module: nn.Module, state: dict[str, Any], prefix: str, local: Any) -> None:
    del local
    for name in _left_out(module):
        state.pop(prefix + name, None)


def _not_missing(module: nn.Module, keys: Any) -> None:
    stored = bytes(getattr(module, _DIGEST).tolist()).hex()
    if stored != module.digest:
        raise ArtifactError(
            "the stored weights belong to another checkpoint than the configured one (SHA-256 "
            f"{stored[:12]}…, not {str(module.digest)[:12]}…); put the checkpoint back, or train "
            "again"
        )
    expected = _left_out(module)
    keys.missing_keys[:] = [name for name in keys.missing_keys if name not in expected]


class FrozenFeatures:
    """Remembers what an encoder that is not trained says of a text, so that it runs once a text.

    Each text runs alone: what it gives then does not depend on the texts beside it, and so a
    training that was interrupted goes on with the very same numbers.
    """

    def __init__(self) -> None:
        self._known: dict[bytes, Tensor] = {}

    def of(self, inputs: Tensor, encode: Callable[[Tensor], Tensor]) -> Tensor:
        """(instance, column) -> (instance, width); `encode` maps (1, column) to (1, width)."""
        keys = [row.tobytes() for row in inputs.cpu().numpy()]
        for key, row in zip(keys, inputs, strict=True):
            if key not in self._known:
                self._known[key] = encode(row.unsqueeze(0)).squeeze(0)
        return torch.stack([self._known[key] for key in keys])

    def forget(self) -> None:
        """Start anew, since the encoder has changed."""
        self._known.clear()
