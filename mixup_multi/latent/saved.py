"""A codec in a file, as a run leaves it in OUT/codecs/NAME/codec.pt; made for one data set only."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mixup_multi import door
from mixup_multi.engine.sealed import load_sealed, save_sealed
from mixup_multi.errors import DataError
from mixup_multi.latent.codec import Codec, FittedCodec, Progress, entry_of
from mixup_multi.objectives.objective import TrainingPart


@dataclass(frozen=True)
class Saved(Codec):
    """A codec that was fitted in an earlier run.

    Attributes:
        path: its file.
    """

    path: str

    def rehearse(self, train: TrainingPart) -> FittedCodec:
        """Return the codec; reading it is the best rehearsal."""
        return self.fit(train)

    def fit(self, train: TrainingPart, progress: Progress = Progress()) -> FittedCodec:  # noqa: ARG002, B008
        """Return the codec.

        Raises:
            DataError: there is no such file, or it was fitted on other data.
            DamagedError: it is damaged.
        """
        path = Path(self.path).expanduser()
        if not path.is_file():
            raise DataError(
                f"path is {self.path!r}: expected the file of a fitted codec, such as"
                " OUT/codecs/NAME/codec.pt of an earlier run"
            )
        content = load_sealed(path)
        check_same_data(content, train, f"the codec {path}")
        return restored(content)


def write_codec(
    path: Path, codec: Codec, fitted: Any, train: TrainingPart, facts: Mapping[str, Any]
) -> None:
    """Write a codec that was fitted to `train`, with plain values that are worth knowing of it."""
    record = {"codec": entry_of(codec), "train_key": train.key, **facts}
    save_sealed({**record, "fitted": fitted.content()}, path)


def restored(content: Mapping[str, Any]) -> FittedCodec:
    """Return the codec of which a file has `content`."""
    codec = door.make(door.CODECS, content["codec"])
    fitted: FittedCodec = codec.restore(content["fitted"])
    return fitted


def check_same_data(content: Mapping[str, Any], train: TrainingPart, what: str) -> None:
    """Raise `DataError` where a codec's file belongs to other data, or another split of them."""
    if content["train_key"] != train.key:
        raise DataError(
            f"{what} was fitted on other data ({content['data']}) than these, or on another split"
            " of them: examples that are tested on may be in it. Let the run fit its own: give the"
            " codec's settings, not its file"
        )
