"""Make data/pumps.csv: an invented table, with gaps and a category, as tables in the wild have."""

from pathlib import Path

import numpy as np
import pandas as pd

rng = np.random.default_rng(7)
n = 600
age = rng.gamma(3.0, 2.0, n).round(1)
load = rng.normal(60, 15, n).round(1)
maker = rng.choice(["Alfa", "Brune", "Corvo"], n, p=[0.5, 0.3, 0.2])
wear = 0.35 * age + 0.03 * load + np.where(maker == "Corvo", 1.2, 0.0) + rng.normal(0, 0.8, n)
table = pd.DataFrame(
    {
        "age_years": age,
        "load_percent": load,
        "vibration_mm_s": (1.0 + 0.5 * wear + rng.normal(0, 0.5, n)).round(2),
        "temperature_c": (45 + 3.0 * wear + rng.normal(0, 4, n)).round(1),
        "maker": maker,
        "state": pd.cut(wear, [-np.inf, 3.6, 5.2, np.inf], labels=["good", "worn", "failing"]),
    }
)
table.loc[rng.random(n) < 0.08, "vibration_mm_s"] = np.nan
table.loc[rng.random(n) < 0.03, "maker"] = np.nan

Path("data").mkdir(exist_ok=True)
table.to_csv("data/pumps.csv", index=False)
print(table.head(4).to_string(index=False))
