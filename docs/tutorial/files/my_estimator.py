"""The pumps with scikit-learn: the same network, in a pipeline, against a random forest."""

import pandas as pd
from sklearn.compose import make_column_transformer
from sklearn.ensemble import RandomForestClassifier
from sklearn.impute import SimpleImputer
from sklearn.model_selection import StratifiedKFold, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder

from mixup_multi.sklearn import MixupClassifier

table = pd.read_csv("data/pumps.csv")
X, y = table.drop(columns="state"), table["state"]
numbers = X.select_dtypes("number").columns
columns = make_column_transformer(
    (SimpleImputer(strategy="median", add_indicator=True), numbers),
    (OneHotEncoder(handle_unknown="ignore", sparse_output=False), ["maker"]),
)
network = {"hidden_layer_sizes": (64, 64), "epochs": 40, "batch_size": 64, "random_state": 0}
models = {
    "ERM": MixupClassifier("erm", **network),
    "MixupE": MixupClassifier("mixupe", method_settings={"alpha": 0.4, "eta": 0.3}, **network),
    "MixupE, 5 averaged": MixupClassifier(
        "mixupe", method_settings={"alpha": 0.4, "eta": 0.3}, n_trials=5, **network
    ),
    "random forest": RandomForestClassifier(random_state=0),
}
folds = StratifiedKFold(n_splits=5, shuffle=True, random_state=0)
for name, model in models.items():
    error = 100 * (1 - cross_val_score(make_pipeline(columns, model), X, y, cv=folds))
    print(f"{name:18}  error {error.mean():5.2f} %, over folds ± {error.std(ddof=1):.2f}")
