"""Pre-activation ResNets of the MixupE and Manifold Mixup experiments, at 18 to 152 layers.

Two deviations from He et al., "Identity Mappings in Deep Residual Networks" (2016), are those of
the released code: the 1 x 1 shortcut reads the *pre-activated* input of its block, and there is
neither batch normalisation nor ReLU between the last block and the mean over places
(`final_norm=True` puts them there). The stem has no normalisation. Weights keep PyTorch's default
initialisation, as in the released code.

Points: `input`, the entrance of each group of blocks (`layer1` .. `layer4`), and `head`. Manifold
Mixup (Verma et al., 2019) draws from `input`, `layer2` and `layer3`: the input, after the first
group and after the second.
"""

from __future__ import annotations

from collections.abc import Callable

from torch import Tensor, nn

from mixup_multi.engine.source import Data
from mixup_multi.points import Staged
from mixup_multi_adapters.images.layers import check_positive, head, norm_relu, stem

BLOCKS = {
    18: (2, 2, 2, 2),
    34: (3, 4, 6, 3),
    50: (3, 4, 6, 3),
    101: (3, 4, 23, 3),
    152: (3, 8, 36, 3),
}
"""Blocks in each of the four groups, by depth."""

_BOTTLENECK_FROM = 50  # the depth from which blocks are bottlenecks, four times as wide outside
_EXPANSION = 4


class PreActBlock(nn.Module):
    """`convs(a) + shortcut`, where `a` is the input after normalisation and ReLU.

    Args:
        channels: of the input.
        convs: the convolutions; each after the first has its own normalisation and ReLU before it.
        stride: of the whole block.
    """

    def __init__(self, channels: int, convs: list[nn.Conv2d], stride: int) -> None:
        super().__init__()
        self.activate = norm_relu(channels)
        layers: list[nn.Module] = [convs[0]]
        for conv in convs[1:]:
            layers += [norm_relu(conv.in_channels), conv]
        self.convs = nn.Sequential(*layers)
        outside = convs[-1].out_channels
        same = stride == 1 and channels == outside
        self.shortcut = None if same else nn.Conv2d(channels, outside, 1, stride, bias=False)

    def forward(self, inputs: Tensor) -> Tensor:
        """Map `(n, channels, h, w)` to the block's channels at 1 / stride of the size."""
        active: Tensor = self.activate(inputs)
        kept = inputs if self.shortcut is None else self.shortcut(active)
        output: Tensor = self.convs(active) + kept
        return output


def basic_block(channels: int, width: int, stride: int) -> PreActBlock:
    """Return a block of two 3 x 3 convolutions, the first with the stride."""
    convs = [
        nn.Conv2d(channels, width, 3, stride, padding=1, bias=False),
        nn.Conv2d(width, width, 3, padding=1, bias=False),
    ]
    return PreActBlock(channels, convs, stride)


def bottleneck(channels: int, width: int, stride: int) -> PreActBlock:
    """Return a block of 1 x 1, 3 x 3 (with the stride) and 1 x 1 to four times the width."""
    convs = [
        nn.Conv2d(channels, width, 1, bias=False),
        nn.Conv2d(width, width, 3, stride, padding=1, bias=False),
        nn.Conv2d(width, _EXPANSION * width, 1, bias=False),
    ]
    return PreActBlock(channels, convs, stride)


def preact_resnet(depth: int) -> Callable[..., Staged]:
    """Return the builder of the network of `depth` layers, one of `BLOCKS`."""
    block, expansion = (bottleneck, _EXPANSION) if depth >= _BOTTLENECK_FROM else (basic_block, 1)

    def build(
        data: Data,
        *,
        width: int = 64,
        final_norm: bool = False,
        stem_stride: int | None = None,
    ) -> Staged:
        """Build a pre-activation ResNet: images `(n, c, h, w)` -> logits `(n, classes)`.

        Args:
            data: gives the images' shape and the number of classes.
            width: channels of the first group; 64 is the protocol's.
            final_norm: normalisation and ReLU before the mean over places, as in He et al.
            stem_stride: stride of the first convolution; None for 2 from 64 pixels on, else 1.

        Raises:
            SettingError: the data are not images, or a setting is below 1.
        """
        check_positive(width=width)
        stages: dict[str, nn.Module] = {"input": stem(data, width, stem_stride, bias=False)}
        channels = width
        for group, count in enumerate(BLOCKS[depth]):
            inside = width * 2**group
            blocks: list[nn.Module] = []
            for position in range(count):
                stride = 2 if group > 0 and position == 0 else 1
                blocks.append(block(channels, inside, stride))
                channels = inside * expansion
            stages[f"layer{group + 1}"] = nn.Sequential(*blocks)
        final = head(channels, len(data.classes))
        stages["head"] = nn.Sequential(norm_relu(channels), *final) if final_norm else final
        return Staged(stages)

    return build
