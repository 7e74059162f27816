"""The contract of a data set as it is loaded: parts, names, targets and keys."""

from __future__ import annotations

import tempfile
from collections import Counter
from pathlib import Path

import torch

from mixup_multi import door
from mixup_multi.engine.source import Data, Dataset, Trial
from mixup_multi.errors import SettingError
from mixup_multi.objectives.losses import LOSSES
from mixup_multi.testing.compare import global_generators_stay, same_bits, tensors_of
from mixup_multi.testing.contract import broken, broken_by, require, rule, skip
from mixup_multi.testing.offers import DataCase
from mixup_multi.testing.settings import alternatives, check_annotated


@rule("dataset")
def it_is_listed(case: DataCase) -> None:
    """A `Dataset` has a summary; one that is fetched says in which folder it lies."""
    if not isinstance(case.dataset, Dataset):
        broken(f"it is a {type(case.dataset).__name__}", "Dataset(summary, load)")
    require(bool(case.dataset.summary.strip()), "its summary is empty", "say in a line what it is")
    if case.dataset.fetch is not None:
        told = bool(case.dataset.folder)
        require(told, "it is fetched, and has no folder", "Dataset(..., folder=..., size=...)")


@rule("dataset")
def its_settings_are_annotated(case: DataCase) -> None:
    """Every setting of a loader has a type that recipes are checked against; its default fits."""
    check_annotated(case.dataset.load)


@rule("dataset")
def it_loads(case: DataCase) -> None:
    """It loads as `Data`, and a loader never writes below the data root."""
    if case.absence and "it_loads" not in case.absence:
        skip(case.absence)
    with tempfile.TemporaryDirectory() as empty:
        root = Path(empty, "data") if case.embedded else case.offer.root
        assert root is not None
        before = _files(root / case.dataset.folder)
        try:
            data = case.load(root)
        except Exception as error:
            mend = "data without `fetch` and `size` needs no files; else read what is there"
            broken_by(error, mend)
        require(isinstance(data, Data), f"load returned a {type(data).__name__}", "return Data")
        changed = sorted(_files(root / case.dataset.folder) ^ before)
        where = "only `fetch` writes below the root; what is prepared belongs in the cache"
        require(
            not changed, f"loading wrote {', '.join(str(name) for name, *_ in changed[:3])}", where
        )


def _files(folder: Path) -> set[tuple[str, int, int]]:
    """Return what lies in a folder: names, sizes and times, of the folder itself too."""
    found = [folder, *folder.rglob("*")] if folder.exists() else []
    stats = [(path, path.stat()) for path in found]
    return {(str(path.relative_to(folder)), s.st_size, s.st_mtime_ns) for path, s in stats}


@rule("dataset")
def loading_draws_by_the_trial(case: DataCase) -> None:
    """Loading leaves the generators that everybody shares alone: it draws by the trial's seed."""
    _ = case.data
    with global_generators_stay("load", "torch.Generator().manual_seed(trial.seed), or numpy's"):
        case.load(trial=Trial(1))


@rule("dataset")
def equal_seeds_load_equal_data(case: DataCase) -> None:
    """Loaded twice for one trial, ids, key and examples are equal bit for bit."""
    first, second = case.data, case.load()
    mend = "draw by the trial's seed, and sort what comes from folders or sets"
    require(first.key == second.key, "the keys differ", "hash the content")
    for name, part in case.parts.items():
        other = getattr(second, name)
        require(list(part.ids) == list(other.ids), f"ids of the {name} part differ", mend)
        index = case.some(part)[:64]
        one, two = part.gather(index), other.gather(index)
        same = all(map(same_bits, tensors_of(one.inputs), tensors_of(two.inputs)))
        require(same and same_bits(one.targets, two.targets), f"{name} examples differ", mend)


@rule("dataset")
def the_key_tells_other_data(case: DataCase) -> None:
    """Equal keys mean equal data: settings that change what a model reads change the key."""
    first = case.data
    index = torch.arange(min(32, len(first.train)))
    for name, (annotation, _) in door.settings_of(case.dataset.load).items():
        for value in alternatives(annotation):
            if value == case.settings.get(name):
                continue
            try:
                other = case.load(**{name: value})
            except Exception:  # of a value that does not fit, e.g. a path
                continue
            _compare_keys(first, other, index, f"{name}: {value!r}")
            break


def _compare_keys(first: Data, other: Data, index: torch.Tensor, setting: str) -> None:
    if other.key != first.key or list(other.train.ids) != list(first.train.ids):
        return
    one, two = first.train.gather(index), other.train.gather(index)
    pairs = [*zip(tensors_of(one.inputs), tensors_of(two.inputs), strict=False)]
    if not all(same_bits(*pair) for pair in [*pairs, (one.targets, two.targets)]):
        broken(
            f"with {setting} the key is the same, and the examples are others",
            "hash the content and the settings that prepare it: engine.cache.content_key(...)",
        )


@rule("dataset")
def parts_are_disjoint(case: DataCase) -> None:
    """Every example has a name of its own: no id is repeated, within a part or between parts."""
    seen: dict[str, str] = {}
    for name, part in case.parts.items():
        for one in part.ids:
            if not isinstance(one, str):
                broken(f"the {name} part has the id {one!r}", "an id is a string")
            if seen.get(one) == name:
                broken(
                    f"two examples of the {name} part are called {one!r}",
                    "number the rows before splitting: Examples.numbered",
                )
            if one in seen:
                broken(
                    f"{one!r} is in the {name} part, and in the {seen[one]} part",
                    "number the rows of the file before splitting (Examples.numbered), and split"
                    " rows, each into one part",
                )
            seen[one] = name


FOLDS = 3


@rule("dataset")
def folds_test_every_example_once(case: DataCase) -> None:
    """Asked for folds, each example is in the test part of one, or `SettingError` refuses them.

    A class of a single example may be trained on only.
    """
    whole = {one for part in case.parts.values() for one in part.ids}
    mend = (
        "of Trial(seed, fold, folds) the test part is that fold: engine.splits.train_and_test;"
        " of a published split raise SettingError where trial.folds is not None"
    )
    tested: list[str] = []
    for fold in range(FOLDS):
        try:
            data = case.load(trial=Trial(0, fold, FOLDS))
        except SettingError as error:
            if fold == 0:
                return
            broken(f"fold {fold} of {FOLDS} is refused: {error}", mend)
        parts = [data.train, data.test, *([data.validation] if data.validation else [])]
        found = {one for part in parts for one in part.ids}
        require(found == whole, f"fold {fold} of {FOLDS} has other examples", mend)
        tested += data.test.ids
    twice = len(tested) - len(set(tested))
    require(not twice, f"{twice} examples are tested in more than one of {FOLDS} folds", mend)
    left = (whole - set(tested)) - _single(case)
    require(not left, f"{len(left)} examples are in the test part of no fold", mend)


def _single(case: DataCase) -> set[str]:
    """Return the ids of examples that are alone in their class."""
    pairs = [
        (one, label)
        for part in case.parts.values()
        if part.labels.dim() == 1
        for one, label in zip(part.ids, part.labels.tolist(), strict=True)
    ]
    counts = Counter(label for _, label in pairs)
    return {one for one, label in pairs if counts[label] == 1}


@rule("dataset")
def lengths_agree(case: DataCase) -> None:
    """A part has as many ids and labels as examples, and one example or more."""
    for name, part in case.parts.items():
        counts = len(part), len(part.ids), len(part.labels)
        require(
            len(set(counts)) == 1 and counts[0] > 0,
            f"the {name} part has {counts[0]} examples, {counts[1]} ids, {counts[2]} labels",
            "one id and one label an example",
        )


@rule("dataset")
def classes_have_names(case: DataCase) -> None:
    """Every column of the targets has a name of its own, in their order."""
    names = case.data.classes
    plain = isinstance(names, tuple) and all(isinstance(name, str) for name in names)
    require(plain and len(set(names)) == len(names), f"classes are {names!r}", "a tuple of names")
    for part, batch in case.read.items():
        if batch.targets.shape[1] != len(names):
            broken(
                f"{part} targets are {tuple(batch.targets.shape)}, with {len(names)} names",
                "one name a column: of numbers to predict, what is predicted",
            )


@rule("dataset")
def targets_fit_the_loss(case: DataCase) -> None:
    """Targets are floating point: of softmax they sum to 1, of sigmoid they are in [0, 1]."""
    loss = case.data.loss
    require(loss in LOSSES, f"loss is {loss!r}", f"expected one of {', '.join(LOSSES)}")
    for name, batch in case.read.items():
        y = batch.targets
        floating = y.dim() == 2 and y.is_floating_point() and bool(y.isfinite().all())
        if not floating:
            broken(f"{name} targets are of {y.dtype} {tuple(y.shape)}", "finite floats (n, c)")
        if loss == "squared":
            continue
        inside = bool(((y >= 0) & (y <= 1)).all())
        off = float((y.sum(1) - 1).abs().max()) if LOSSES[loss].target_kind == "distribution" else 0
        if not inside or off > 1e-5:
            broken(
                f"{name} targets are from {float(y.min()):g} to {float(y.max()):g}, and sum to 1"
                f" up to {off:g}",
                "as_targets(labels, classes) of mixup_multi.batch; loss='sigmoid' for labels",
            )


@rule("dataset")
def training_has_every_class(case: DataCase) -> None:
    """Every class has a training example; numbers to predict are standardised by them."""
    train = case.data.train
    y = train.gather(torch.arange(len(train))).targets if _small(case) else None
    if y is None:
        y = case.read["train"].targets if train.labels.dim() == 1 else train.labels.float()
        if train.labels.dim() == 1:
            y = torch.nn.functional.one_hot(train.labels.long(), len(case.data.classes)).float()
    if case.data.loss == "squared":
        mean, spread = y.double().mean(0), y.double().std(0, correction=0)
        require(
            bool((mean.abs() < 1e-4).all() and ((spread - 1).abs() < 1e-4).all()),
            f"training numbers have mean {mean.tolist()} and spread {spread.tolist()}",
            "standardise them by the training part; the loss is then in its variances",
        )
        return
    absent = [case.data.classes[i] for i in (y.sum(0) <= 0).nonzero().flatten().tolist()]
    require(
        not absent,
        f"no training example of {', '.join(absent[:8])}",
        "stratify: engine.splits.stratified_parts, and engine.splits.check_all_classes",
    )


def _small(case: DataCase) -> bool:
    return len(case.data.train) <= 4096


@rule("dataset")
def notes_are_sentences(case: DataCase) -> None:
    """The key is a string, and notes are a tuple of sentences for who reads a result."""
    data = case.data
    require(isinstance(data.key, str) and data.key != "", f"key is {data.key!r}", "content_key()")
    plain = isinstance(data.notes, tuple) and all(isinstance(note, str) for note in data.notes)
    require(plain, f"notes are {data.notes!r}", "a tuple of strings: ('Synthetic.',)")
