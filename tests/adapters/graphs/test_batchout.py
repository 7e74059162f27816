"""Batchout at a graph's readout: all of its pooled vectors move towards the same other graph's."""

from __future__ import annotations

import pytest
import torch

from mixup_multi.batch import Batch, as_targets
from mixup_multi.engine.source import Data
from mixup_multi.objectives.erm import score
from mixup_multi.objectives.losses import Softmax
from mixup_multi.objectives.presets.features import batchout
from mixup_multi.streams import stream
from mixup_multi_adapters.graphs import GraphBatch, gin


@pytest.mark.parametrize(("amount", "portion"), [(1.0, 1.0), (0.3, 0.5), (-0.2, 1.0)])
def test_with_the_linear_head_moving_all_vectors_is_moving_logits(
    amount: float, portion: float, motifs: Data, twelve: GraphBatch
) -> None:
    torch.manual_seed(0)
    model = gin(motifs, hidden=8).double().eval()
    targets = as_targets(torch.arange(12) % 4, 4, torch.float64)
    method = batchout(amount=amount, portion=portion, points="readout", partner="mirrored")
    logits = model(twelve)
    rows = round(12 * portion)
    moved = logits + amount * (logits.flip(0) - logits)
    expected = score(Softmax(), torch.cat([moved[:rows], logits[rows:]]), targets)
    terms = method(model, Batch(twelve, targets), stream(0, "mix"))
    torch.testing.assert_close(terms.total, expected.total, rtol=0, atol=1e-10)
