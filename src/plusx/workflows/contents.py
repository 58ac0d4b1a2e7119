"""What is in the images of a run, by the digests that the audit took: whether they are still the same."""

import hashlib
from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import TypeAlias

from plusx.core.errors import DataError, InputError
from plusx.core.sample import Listing, Sample
from plusx.data.audit import Audit
from plusx.data.formats.torch_dataset import ItemImage
from plusx.data.inspection.reading import read_all
from plusx.workflows.directory import RunDirectory
from plusx.workflows.environment import audit_cache
from plusx.workflows.split_table import split_rows

Digests: TypeAlias = Mapping[str, tuple[str, ...]]
"""For every split the digests of its images in their order; "" for those that are not compared."""

_SHOWN = 5  # images


def digests_of(listing: Listing, report: Audit) -> Digests:
    """`listing` holds samples that `report` read, of which some may have moved from "train" to another split."""
    known = {(image.split, image.sample.name): image.facts.digest for image in report.images}

    def digest(split: str, sample: Sample) -> str:
        own = known.get((split, sample.name))
        return known["train", sample.name] if own is None else own

    return {
        split: tuple(digest(split, sample) if comparable(sample) else "" for sample in samples)
        for split, samples in listing.splits.items()
    }


def comparable(sample: Sample) -> bool:
    """Not the items of a user's own data set: it may cut and colour them anew each time."""
    return not isinstance(sample.image, ItemImage)


def contents(digests: Digests) -> str:
    """One digest of all."""
    digest = hashlib.sha256()
    for split in sorted(digests):
        digest.update("\n".join([split, *digests[split], ""]).encode())
    return digest.hexdigest()


def refuse_other_contents(run: RunDirectory, listing: Listing, digests: Digests) -> None:
    """InputError naming the first images that changed since the run was begun; `listing` holds the same names.

    Runs that wrote down no digests are not compared.
    """
    written = {split: [row.sha256 for row in split_rows(run) if row.split == split] for split in listing.splits}
    changed = [
        sample.name
        for split, samples in listing.splits.items()
        for sample, then, now in zip(samples, written[split], digests[split], strict=False)
        if then and now and then != now
    ]
    if changed:
        raise InputError(
            f"{_counted(changed)} since {run.path} was begun: {_shown(changed)}. Restore the data, or begin a new run."
        )


def refuse_changed(run: RunDirectory, samples: Sequence[Sample], processes: int) -> None:
    """DataError naming the first of `samples`, images that the run used, that changed since."""
    written: defaultdict[str, set[str]] = defaultdict(set)
    for row in split_rows(run):
        written[row.image].add(row.sha256)
    compared = [sample for sample in samples if comparable(sample) and "" not in written[sample.name]]
    facts = read_all(compared, audit_cache(), processes, lambda done, total: None)
    changed = [s.name for s, found in zip(compared, facts, strict=True) if found.digest not in written[s.name]]
    if changed:
        raise DataError(
            f"{_counted(changed)} since {run.path} was trained: {_shown(changed)}. Restore the data, or name the "
            "images to take instead."
        )


def _counted(names: Sequence[str]) -> str:
    return f"{len(names)} image{' has' if len(names) == 1 else 's have'} changed"


def _shown(names: Sequence[str]) -> str:
    return ", ".join(names[:_SHOWN]) + (f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else "")
