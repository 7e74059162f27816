"""Run by torchrun: a run of the Trainer in several processes, and the same resumed from its middle.

Each process writes to the folder that is its argument whether the two agree, and what it has.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import torch
from torch import nn
from transformers import ResNetConfig, ResNetForImageClassification, TrainingArguments

from mixup_multi.integrations import Method
from mixup_multi.integrations.huggingface import MixedTrainer

IMAGES = torch.randn(16, 3, 8, 8, generator=torch.Generator().manual_seed(2))
ROWS: Any = [{"pixel_values": image, "labels": row % 3} for row, image in enumerate(IMAGES)]


def run(folder: Path, resume: str | None = None) -> tuple[nn.Module, Method, int]:
    """Train two epochs of two steps, and return the network, the method and the rank."""
    torch.manual_seed(1)
    net = ResNetForImageClassification(
        ResNetConfig(
            embedding_size=8, hidden_sizes=[8, 8], depths=[1, 1], layer_type="basic", num_labels=3
        )
    )
    arguments = TrainingArguments(
        str(folder),
        num_train_epochs=2,
        per_device_train_batch_size=4,
        report_to="none",
        save_strategy="epoch",
        disable_tqdm=True,
        use_cpu=True,
        ddp_backend="gloo",
    )
    method = Method("mixupe", alpha=0.4)
    trainer = MixedTrainer(net, arguments, train_dataset=ROWS, method=method)
    trainer.train(resume_from_checkpoint=resume)
    return net, method, trainer.args.process_index


if __name__ == "__main__":
    out = Path(sys.argv[1])
    whole, method, rank = run(out)
    resumed, again, _ = run(out, str(out / "checkpoint-2"))
    assert method.terms is not None
    assert again.terms is not None
    torch.save(
        {
            "weights": dict(whole.named_parameters()),
            "resumed": dict(resumed.named_parameters()),
            "losses": (method.terms.total, again.terms.total),
        },
        out / f"rank{rank}.pt",
    )
