"""Draw the tutorial's picture of a report's page, as headless Chromium shows it.

mixup-multi report runs/pumps
python docs/pictures/report_page.py runs/pumps
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from PIL import Image

SIZE = (1240, 1080)
FLAGS = ("--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", "--no-first-run")


def main(out: Path) -> None:
    """Write report_page.png beside this file from the report in `out`."""
    browser = shutil.which("chromium") or shutil.which("chromium-browser")
    if browser is None:
        sys.exit("Chromium is not installed: expected the command `chromium`")
    picture = Path(__file__).with_suffix(".png")
    page = (out / "report" / "index.html").absolute()
    with tempfile.TemporaryDirectory() as profile:
        size = f"--window-size={SIZE[0]},{SIZE[1]}"
        wanted = (size, f"--screenshot={picture}", f"--user-data-dir={profile}", page.as_uri())
        subprocess.run([browser, *FLAGS, *wanted], check=True, capture_output=True, timeout=120)
    Image.open(picture).convert("P", palette=Image.Palette.ADAPTIVE).save(picture, optimize=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
