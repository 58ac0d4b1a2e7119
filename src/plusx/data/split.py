"""A validation split for data sets that bring none: stratified, seeded, groups kept together."""

from plusx.core.sample import Listing


def with_validation(listing: Listing, fraction: float = 0.2, seed: int = 0) -> Listing:
    """Moves about `fraction` of "train" to "val"; unchanged if there is a "val" split or nothing to split."""
    raise NotImplementedError
