"""Digital changes of images `(n, c, h, w)` in [0, 1]."""

from __future__ import annotations

import io

import numpy as np
import torch
from torch import Tensor

from mixup_multi.engine.shifted import Draws
from mixup_multi_adapters.images.corruptions.sampling import bilinear, box_resized, gaussian


def contrast(x: Tensor, severity: int, draws: Draws) -> Tensor:  # noqa: ARG001
    """Draw every channel towards its mean over the image."""
    kept = (0.75, 0.5, 0.4, 0.3, 0.15)[severity - 1]
    mean = x.mean((2, 3), keepdim=True)
    return (x - mean) * kept + mean


def saturate(x: Tensor, severity: int, draws: Draws) -> Tensor:  # noqa: ARG001
    """Scale the saturation (of hue, saturation and value) of images in colours, and add to it.

    A grey pixel's hue is 0, red, as in scikit-image.
    """
    factor, more = ((0.3, 0), (0.1, 0), (1.5, 0), (2, 0.1), (2.5, 0.2))[severity - 1]
    value, least = x.amax(1, keepdim=True), x.amin(1, keepdim=True)
    saturation = (value - least) / value.clamp(min=1e-12)
    wanted = (saturation * factor + more).clamp(0, 1)
    coloured = value - (value - x) * (wanted / saturation.clamp(min=1e-12))
    red = torch.cat([value, *[value * (1 - wanted)] * 2], 1)
    return torch.where(saturation > 0, coloured, red)


def pixelate(x: Tensor, severity: int, draws: Draws) -> Tensor:  # noqa: ARG001
    """Make the image smaller, and as large as it was, by box filters."""
    share = (0.95, 0.9, 0.85, 0.75, 0.65)[severity - 1]
    height, width = x.shape[2:]
    small = box_resized(x, (int(height * share), int(width * share)))
    return box_resized(small, (height, width))


def jpeg_compression(x: Tensor, severity: int, draws: Draws) -> Tensor:  # noqa: ARG001
    """Compress and decompress, one image after the other, by Pillow on the CPU."""
    from PIL import Image

    quality = (80, 65, 58, 50, 40)[severity - 1]
    mode = "L" if x.shape[1] == 1 else "RGB"
    pixels = (x * 255).round().byte().permute(0, 2, 3, 1).cpu().numpy()
    out = np.empty_like(pixels)
    for image, compressed in zip(pixels, out, strict=True):
        file = io.BytesIO()
        Image.fromarray(image.squeeze(2) if mode == "L" else image, mode).save(
            file, "JPEG", quality=quality
        )
        read = np.asarray(Image.open(file))
        compressed[...] = read.reshape(image.shape)
    return torch.from_numpy(out).to(x.device).permute(0, 3, 1, 2).to(x) / 255


def elastic_transform(x: Tensor, severity: int, draws: Draws) -> Tensor:
    """Move three points of the image at random, and bend it by a smooth random field."""
    bend, smooth, corner = (
        (0, 0, 0.08),
        (0.05, 0.2, 0.07),
        (0.08, 0.06, 0.06),
        (0.1, 0.04, 0.05),
        (0.1, 0.03, 0.03),
    )[severity - 1]
    height, width = x.shape[2:]
    side = min(height, width)
    rows, columns = _affine(height, width, corner * side, draws)
    x = bilinear(x, rows.to(x.device), columns.to(x.device), edge="mirror")
    field = gaussian(draws.uniform(2, height, width, low=-1), smooth * side, 3.0, "reflect")
    down, right = (bend * side * field).unbind(1)
    down = down + torch.arange(height, device=down.device)[:, None]
    right = right + torch.arange(width, device=right.device)
    return bilinear(x, down, right, edge="reflect")


def _affine(height: int, width: int, most: float, draws: Draws) -> tuple[Tensor, Tensor]:
    """Return where each pixel is read, `(n, h, w)` rows and columns, by a random affine map.

    It takes three corners of a square about the middle to where each is moved by up to `most`.
    """
    centre = torch.tensor((height // 2, width // 2), dtype=torch.float64)
    reach = min(height, width) // 3
    corners = centre + reach * torch.tensor(((1, 1), (1, -1), (-1, -1)), dtype=torch.float64)
    moved = corners + draws.uniform(3, 2, low=-most, high=most).cpu().double()
    known = torch.cat([moved, torch.ones_like(moved[..., :1])], 2)
    back = torch.linalg.solve(known, corners.expand_as(moved))
    grid = torch.stack(
        torch.meshgrid(torch.arange(height), torch.arange(width), indexing="ij"), -1
    ).double()
    found = grid @ back[:, None, :2] + back[:, None, None, 2]
    return found[..., 0].float(), found[..., 1].float()
