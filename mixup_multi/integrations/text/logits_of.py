"""A model of Hugging Face as the other parts know models: `model(inputs, edits) -> logits`.

Its inputs are a mapping of tensors, its output has `logits`. What is mixed at the point `input` is
the model's main input, which has to be floating point (`pixel_values`, `input_values`); token ids
have no mean, so text is mixed behind the embeddings, at the entrance of a named submodule.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from functools import partial
from typing import Any

from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

from mixup_multi.errors import PointError, SettingError
from mixup_multi.integrations.text.attention_masks import MASKS, edited_at, united
from mixup_multi.integrations.text.lengths import check_lengths
from mixup_multi.points import Edit, Edits, bare, check_points
from mixup_multi.tree import Tree


def logits_of(model: nn.Module, at: Sequence[str] = ()) -> LogitsModel:
    """Return a Hugging Face model as `model(inputs) -> logits`, which can be mixed at points.

    Args:
        model: one whose output has `logits` `(n, c)`, e.g. of `AutoModelForImageClassification`
            or `AutoModelForSequenceClassification`; it is not changed, and shares its weights.
        at: names of submodules, as in `named_modules()`, at whose entrance may be mixed, e.g.
            `["bert.encoder"]`; their names are the points. Of models that read token ids they are
            the only points, so that methods mix at the first of them unless told otherwise.

    Raises:
        PointError: a name in `at` is no submodule.

    >>> from transformers import ViTConfig, ViTForImageClassification
    >>> tiny = dict(hidden_size=8, num_hidden_layers=1, num_attention_heads=1, intermediate_size=8)
    >>> vit = ViTForImageClassification(ViTConfig(image_size=8, patch_size=4, num_labels=3, **tiny))
    >>> logits_of(vit)({"pixel_values": torch.zeros(2, 3, 8, 8)}).shape
    torch.Size([2, 3])
    """
    return LogitsModel(model, at)


class LogitsModel(nn.Module):
    """See `logits_of`.

    Attributes:
        model: the model as it was given.
        at: the names of submodules at whose entrance may be mixed.
        points: `input`, and the names in `at`; these alone where the main input are token ids.
        main: the name of the main input; a tensor given as inputs goes there.
        one_step: whether it serves one training step only. What processes share is then called
            once, and in further passes the model itself: DistributedDataParallel writes BatchNorm's
            statistics whenever it is called, which earlier passes of a step cannot bear. The
            gradients are those of all passes either way.
    """

    def __init__(self, model: nn.Module, at: Sequence[str] = (), *, one_step: bool = False) -> None:
        super().__init__()
        self.one_step = one_step
        self._again = False
        self.model = model
        self.at = tuple(at)
        inner = bare(model)
        check_points(("input", *(name for name, _ in inner.named_modules())), at)
        self.main: str = getattr(inner, "main_input_name", "input_ids")
        codes = self.main == "input_ids" and at
        self.points = self.at if codes else ("input", *at)
        if at and hasattr(model, "_orig_mod"):
            raise PointError(
                f"the points {', '.join(at)} lie within a compiled model, where nothing can be"
                " mixed: expected the model without torch.compile, or mixing at its input"
            )

    @property
    def bare(self) -> LogitsModel:
        """The same, of the model that processes share as it is."""
        return LogitsModel(bare(self.model), self.at)

    def forward(self, inputs: Tree, edits: Edits | None = None) -> Tensor:
        """Return logits `(n, c)` of a mapping of inputs, or of the main input alone.

        Raises:
            PointError: an edit is asked for at no point, or where nothing can be mixed.
            SettingError: the model's output has no logits `(n, c)`.
        """
        named = dict(inputs) if isinstance(inputs, Mapping) else {self.main: inputs}
        hidden = dict(edits or {})
        check_points(self.points, tuple(hidden))
        if "input" in hidden:
            named = self._edited(named, hidden.pop("input"))
        inner = bare(self.model)
        check = partial(check_lengths, inner, named, self.main)
        with ExitStack() as stack:
            for name, edit in hidden.items():
                stack.enter_context(edited_at(inner, name, edit, check))
            return _logits(self._called()(**named), inner)

    def _called(self) -> nn.Module:
        again, self._again = self._again, self.one_step
        shared = isinstance(self.model, DistributedDataParallel)
        return bare(self.model) if again and shared else self.model

    def _edited(self, named: dict[str, Any], edit: Edit) -> dict[str, Any]:
        """Return the inputs with the main one edited, and masks of what it then holds."""
        self._check_input(named)
        named[self.main] = edit(named[self.main])
        for name in MASKS:
            if isinstance(named.get(name), Tensor):
                named[name] = united(named[name], edit, len(named[self.main]))
        return named

    def _check_input(self, named: Mapping[str, Any]) -> None:
        value = named.get(self.main)
        if isinstance(value, Tensor) and not value.is_floating_point():
            raise PointError(
                f"{self.main} holds codes ({value.dtype}), which have no mean: expected a point"
                f" behind their embedding, e.g. at=[{self._behind_embeddings()!r}]"
            )
        others = [
            name
            for name, other in named.items()
            if name != self.main and name not in MASKS and isinstance(other, Tensor) and other.dim()
        ]
        if others or not isinstance(value, Tensor):
            raise PointError(
                f"what is mixed at the input is {self.main}, and the model reads"
                f" {', '.join(named)}: expected it alone, with masks, or a hidden point by `at`"
            )

    def _behind_embeddings(self) -> str:
        """Return the name of a likely point: what runs after the embeddings."""
        inner = bare(self.model)
        prefix = getattr(inner, "base_model_prefix", "")
        body = getattr(inner, prefix, None) if prefix else None
        names = [name for name, _ in body.named_children()] if isinstance(body, nn.Module) else []
        behind = next((name for name in names if "embed" not in name and name[0] != "w"), "encoder")
        return f"{prefix}.{behind}" if prefix else behind


def _logits(output: Any, model: nn.Module) -> Tensor:
    logits = getattr(output, "logits", None)
    if isinstance(logits, Tensor) and logits.dim() == 2:
        return logits
    if isinstance(logits, Tensor):
        said = f"logits of shape {tuple(logits.shape)}"
    else:
        said = f"{type(output).__name__}({', '.join(output) if isinstance(output, dict) else ''})"
    raise SettingError(
        f"{type(model).__name__} returned {said}: expected `.logits` with a row for each example,"
        " (n, c), as models for image, audio and sequence classification return them"
    )
