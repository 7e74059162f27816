"""Images: data sets read through torchvision or from folders, and convolutional networks."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType

from torch import nn

from mixup_multi.engine.source import Dataset
from mixup_multi_adapters.images.batchout_cnn import batchout_cnn
from mixup_multi_adapters.images.preact_resnet import BLOCKS, preact_resnet
from mixup_multi_adapters.images.sets import DATASETS
from mixup_multi_adapters.images.small_cnn import small_cnn
from mixup_multi_adapters.images.wide_resnet import wide_resnet, wrn_28_10

MODELS: Mapping[str, Callable[..., nn.Module]] = MappingProxyType(
    {
        **{f"preact_resnet{depth}": preact_resnet(depth) for depth in BLOCKS},
        "wide_resnet": wide_resnet,
        "wrn_28_10": wrn_28_10,
        "small_cnn": small_cnn,
        "batchout_cnn": batchout_cnn,
    }
)


class ImageAdapter:
    """The image sets and the image models, by name."""

    datasets: Mapping[str, Dataset] = DATASETS
    models: Mapping[str, Callable[..., nn.Module]] = MODELS
