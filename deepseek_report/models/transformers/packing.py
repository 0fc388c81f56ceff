"""Texts of different lengths pushed together, so that a model sees no gaps, and back again."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class Packing:
    """Where the units of each instance go when those that are there move to the front.

    order : (instance, unit) the unit that stands at each packed place. rank : (instance, unit) the
    packed place of each unit. present : (instance, unit) bool, whether a unit is there. length :
    places that the longest text needs, at least 1.
    """

    order: Tensor
    rank: Tensor
    present: Tensor
    length: int

    @classmethod
    def of(cls, present: Tensor) -> Packing:
        """The packing that keeps the order of the units that are there."""
        order = torch.argsort(~present, dim=1, stable=True)
        rank = torch.argsort(order, dim=1, stable=True)
        return cls(order, rank, present, max(int(present.sum(1).max()), 1))

    @property
    def mask(self) -> Tensor:
        """(instance, packed place) int64, 1 where a unit stands."""
        places = torch.arange(self.length, device=self.present.device)
        return (places < self.present.sum(1, keepdim=True)).long()

    @property
    def last(self) -> Tensor:
        """(instance,) packed place of the last unit; 0 where none is there."""
        return (self.present.sum(1) - 1).clamp(min=0)

    def pack(self, units: Tensor) -> Tensor:
        """(instance, unit, width) -> (instance, packed place, width)."""
        return units.gather(1, self._columns(self.order[:, : self.length], units.shape[2]))

    def unpack(self, places: Tensor) -> Tensor:
        """(instance, packed place, width) -> (instance, unit, width), 0 where no unit is there."""
        rank = self.rank.clamp(max=self.length - 1)
        return places.gather(1, self._columns(rank, places.shape[2])) * self.present.unsqueeze(-1)

    def unpack_maps(self, maps: Tensor) -> Tensor:
        """(instance, head, place, place) -> (instance, head, unit, unit), 0 where none is there."""
        n, heads = maps.shape[:2]
        units = self.rank.shape[1]
        rank = self.rank.clamp(max=self.length - 1)
        rows = maps.gather(2, rank[:, None, :, None].expand(n, heads, units, self.length))
        whole = rows.gather(3, rank[:, None, None, :].expand(n, heads, units, units))
        return whole * (self.present[:, None, :, None] & self.present[:, None, None, :])

    @staticmethod
    def _columns(places: Tensor, width: int) -> Tensor:
        return places.unsqueeze(-1).expand(*places.shape, width)
