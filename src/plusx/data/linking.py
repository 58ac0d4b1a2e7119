"""What belongs together, directly or over others."""

from collections.abc import Iterable
from typing import Any, TypeVar

T = TypeVar("T", bound=Any)


def linked(links: Iterable[tuple[T, T]]) -> list[list[T]]:
    """The connected components of a graph, each sorted, ordered by their least node (union-find with path halving)."""
    parents: dict[T, T] = {}

    def root(node: T) -> T:
        parents.setdefault(node, node)
        while parents[node] != node:
            parents[node] = parents[parents[node]]
            node = parents[node]
        return node

    for a, b in links:
        one, other = root(a), root(b)
        parents[max(one, other)] = min(one, other)
    groups: dict[T, list[T]] = {}
    for node in sorted(parents):
        groups.setdefault(root(node), []).append(node)
    return list(groups.values())
