"""Wide ResNets (Zagoruyko and Komodakis, 2016) as the Manifold Mixup code has them.

Every convolution has a bias; the stride of a group is on the *second* 3 x 3 convolution of its
first block; a 1 x 1 shortcut reads the block's raw input; the last batch normalisation has
momentum 0.9. Weights keep PyTorch's default initialisation, as in the released code.

Points: `input`, the entrance of each group (`layer1` .. `layer3`), and `head`. For Manifold Mixup
(Verma et al., 2019) the paper names `input` and `layer2` (after the first group), while the code
also draws `layer3`.
"""

from __future__ import annotations

from torch import Tensor, nn

from mixup_multi.engine.source import Data
from mixup_multi.errors import SettingError
from mixup_multi.points import Staged
from mixup_multi_adapters.images.layers import check_positive, head, norm_relu, stem

_STEM = 16
_GROUPS = 3
_FINAL_MOMENTUM = 0.9


class WideBlock(nn.Module):
    """`convs(x) + shortcut(x)`, where each of two convolutions follows normalisation and ReLU.

    Args:
        channels: of the input.
        width: of the output.
        stride: of the second convolution and the shortcut.
        dropout: probability of an element to be dropped between the convolutions.
    """

    def __init__(self, channels: int, width: int, stride: int, dropout: float) -> None:
        super().__init__()
        between = [nn.Dropout(dropout)] if dropout else []
        self.convs = nn.Sequential(
            norm_relu(channels),
            nn.Conv2d(channels, width, 3, padding=1),
            *between,
            norm_relu(width),
            nn.Conv2d(width, width, 3, stride, padding=1),
        )
        same = stride == 1 and channels == width
        self.shortcut = nn.Identity() if same else nn.Conv2d(channels, width, 1, stride)

    def forward(self, inputs: Tensor) -> Tensor:
        """Map `(n, channels, h, w)` to `(n, width, h / stride, w / stride)`."""
        output: Tensor = self.convs(inputs) + self.shortcut(inputs)
        return output


def wide_resnet(
    data: Data,
    *,
    depth: int = 28,
    widen: int = 10,
    dropout: float = 0.0,
    stem_stride: int | None = None,
) -> Staged:
    """Build a wide ResNet: images `(n, c, h, w)` -> logits `(n, classes)`.

    Args:
        data: gives the images' shape and the number of classes.
        depth: number of layers, 6 n + 4 for n blocks a group.
        widen: the groups have 16, 32 and 64 times as many channels.
        dropout: probability between the convolutions of a block, in [0, 1).
        stem_stride: stride of the first convolution; None for 2 from 64 pixels on, else 1.

    Raises:
        SettingError: the data are not images, or a setting is out of its range.
    """
    check_positive(widen=widen)
    blocks, rest = divmod(depth - 4, 2 * _GROUPS)
    if blocks < 1 or rest:
        raise SettingError(f"depth: {depth}; expected 6 n + 4, such as 10, 16, 22, 28 or 40")
    if not 0 <= dropout < 1:
        raise SettingError(f"dropout: {dropout}; expected a probability in [0, 1)")
    stages: dict[str, nn.Module] = {"input": stem(data, _STEM, stem_stride, bias=True)}
    channels = _STEM
    for group in range(_GROUPS):
        width = _STEM * widen * 2**group
        first = WideBlock(channels, width, 1 if group == 0 else 2, dropout)
        others = (WideBlock(width, width, 1, dropout) for _ in range(blocks - 1))
        stages[f"layer{group + 1}"] = nn.Sequential(first, *others)
        channels = width
    final = norm_relu(channels, _FINAL_MOMENTUM)
    stages["head"] = nn.Sequential(final, *head(channels, len(data.classes)))
    return Staged(stages)


def wrn_28_10(data: Data, *, dropout: float = 0.0, stem_stride: int | None = None) -> Staged:
    """Build WRN-28-10, the wide ResNet of the protocol.

    Args:
        data: what it is built for.
        dropout: between the convolutions of a block.
        stem_stride: stride of the first convolution; None for 2 from 64 pixels on, else 1.

    Raises:
        SettingError: the data are not images, or a setting is out of its range.
    """
    return wide_resnet(data, depth=28, widen=10, dropout=dropout, stem_stride=stem_stride)
