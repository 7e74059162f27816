"""Spatter on images `(n, c, h, w)` in [0, 1]: drops of water, or of mud; needs OpenCV."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from mixup_multi.engine.shifted import Draws
from mixup_multi_adapters.images.corruptions.blur import scale_of
from mixup_multi_adapters.images.corruptions.sampling import gaussian
from mixup_multi_adapters.images.corruptions.weather import grey

WATER, MUD = (175, 238, 238), (63, 42, 20)
"""Colours in red, green and blue of 255."""


def spatter(x: Tensor, severity: int, draws: Draws) -> Tensor:
    """Splash the image: with water up to severity 3, with mud from 4 on."""
    mean, deviation, smooth, least, strength, mud = (
        (0.62, 0.1, 0.7, 0.7, 0.5, False),
        (0.65, 0.1, 0.8, 0.7, 0.5, False),
        (0.65, 0.3, 1, 0.69, 0.5, False),
        (0.65, 0.1, 0.7, 0.69, 0.6, True),
        (0.65, 0.1, 0.5, 0.68, 0.6, True),
    )[severity - 1]
    scale = scale_of(x)
    liquid = gaussian(mean + deviation * draws.normal(1, *x.shape[2:]), smooth * scale)
    liquid = torch.where(liquid < least, 0, liquid)
    colour = (torch.tensor(MUD if mud else WATER) / 255).to(x).reshape(1, 3, 1, 1)
    colour = colour if x.shape[1] == 3 else grey(colour)
    if mud:
        drops = gaussian((liquid > least).to(x), strength * scale)
        drops = torch.where(drops < 0.8, 0, drops)
        return x * (1 - drops) + drops * colour
    layers = (liquid.clamp(0, 1) * 255).byte().cpu().numpy()[:, 0]
    drops = torch.from_numpy(np.stack([_relief(layer) for layer in layers])).to(x)[:, None]
    return x + strength * drops * colour


def _relief(layer: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Return the light on one layer of drops `(h, w)`, in [0, 1], by the distance to their rims."""
    import cv2

    distance = cv2.distanceTransform(255 - cv2.Canny(layer, 50, 150), cv2.DIST_L2, 5)
    distance = cv2.blur(np.minimum(distance, 20), (3, 3)).astype(np.uint8)
    kernel = np.array([[-2, -1, 0], [-1, 1, 1], [0, 1, 2]])
    lit = cv2.filter2D(cv2.equalizeHist(distance), cv2.CV_8U, kernel)
    relief: NDArray[np.float32] = layer * cv2.blur(lit, (3, 3)).astype(np.float32)
    return relief / max(float(relief.max()), 1e-12)
