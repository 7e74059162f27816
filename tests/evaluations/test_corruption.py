"""Errors under corruptions: means of what is found by hand, for every modality."""

from __future__ import annotations

import copy
import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from statistics import fmean
from typing import Any

import pytest
import torch
from command_line import invoke
from torch import nn

from mixup_multi import door
from mixup_multi.engine.shift import SEVERITIES, Shift, Shifts
from mixup_multi.engine.shifted import Shifted
from mixup_multi.engine.source import Data, Source, Trial
from mixup_multi.errors import DataError, SettingError
from mixup_multi.evaluations import Corruption, Subject
from mixup_multi.objectives.losses import Softmax

CHOSEN: dict[str, tuple[str, ...]] = {
    "images": ("impulse_noise", "defocus_blur", "fog", "contrast"),
    "tabular": ("noise", "missing", "offset"),
    "speech": ("clipping", "time_shift", "noise"),
    "graphs": ("edge_drop", "edge_add", "node_drop", "feature_mask"),
}
SMALL: dict[str, tuple[str, str, dict[str, Any], dict[str, Any], int, float]] = {
    "images": ("digits", "small_cnn", {}, {}, 25, 0.01),
    "tabular": ("sklearn_wine", "mlp", {}, {"widths": (16,)}, 80, 0.01),
    "speech": (
        *("tones", "lenet"),
        {"features": "log_mel", "mels": 16, "speakers": 12},
        {"width": 0.1, "dropout": 0.0},
        *(60, 0.005),
    ),
    "graphs": ("motifs", "gin", {}, {"width": 16}, 60, 0.01),
}
"""Data set, model, their settings, steps and learning rate."""


REAL: dict[str, tuple[str, str, dict[str, Any], dict[str, Any], int, float]] = {
    "images": (
        *("cifar10", "small_cnn"),
        {"folder": "cifar10-first-rows", "partial": True, "train_rows": 1000},
        {"width": 8},
        *(30, 0.01),
    ),
    "tabular": ("cmc", "mlp", {"categorical": "embed"}, {}, 60, 0.01),
    "speech": ("speech_commands_v2", "lenet", {"words": "ten"}, {"width": 0.1}, 5, 0.003),
    "graphs": ("mutag", "gin", {}, {"width": 16}, 40, 0.01),
}


@cache
def trained(adapter: str, root: Path = Path("nowhere")) -> Subject:
    """A small network, trained for a moment; on real data where a root is given."""
    entry = (SMALL if root == Path("nowhere") else REAL)[adapter]
    name, model_name, asked, shape, steps, rate = entry
    found = door.load_adapter(adapter)
    factory, maker = found.datasets[name].load, found.models[model_name]
    settings = door.check_settings(factory, asked)
    data: Data = door.build(factory, root, Trial(), settings=settings)
    torch.manual_seed(0)
    known = {k: v for k, v in shape.items() if k in door.settings_of(maker)}
    model: nn.Module = door.build(maker, data, settings=door.check_settings(maker, known)).train()
    optimizer = torch.optim.Adam(model.parameters(), rate)
    generator = torch.Generator().manual_seed(0)
    for _ in range(steps):
        batch = data.train.gather(torch.randint(len(data.train), (64,), generator=generator))
        optimizer.zero_grad()
        Softmax().value(model(batch.inputs), batch.targets).mean().backward()
        optimizer.step()
    model.eval()
    return Subject(lambda: model, data, Softmax(), torch.device("cpu"))


def error_of(subject: Subject, source: Source) -> float:
    batch = source.gather(torch.arange(len(source)))
    with torch.no_grad():
        wrong = subject.model(batch.inputs).argmax(1) != batch.targets.argmax(1)
    return 100 * wrong.double().mean().item()


@pytest.mark.parametrize("adapter", CHOSEN)
def test_the_error_grows_with_severity_and_is_a_mean_of_means(adapter: str) -> None:
    subject = trained(adapter)
    before = copy.deepcopy(subject.model.state_dict())
    state = torch.get_rng_state()
    rows = {"images": 100}.get(adapter)
    asked = Corruption(names=CHOSEN[adapter], batch_size=64, rows=rows)
    found = asked.measure(subject)
    values = found.values
    assert next(iter(values)) == "mean_error"
    grid = [[values[f"{name} {s}"] for s in SEVERITIES] for name in CHOSEN[adapter]]
    assert values["mean_error"] == pytest.approx(fmean(map(fmean, grid)))
    assert values["mean_accuracy"] == pytest.approx(100 - values["mean_error"])
    for name, row in zip(CHOSEN[adapter], grid, strict=True):
        assert values[name] == pytest.approx(fmean(row))
    curve = found.curves["error over severity"]
    assert curve.x == (0, 1, 2, 3, 4, 5)
    assert curve.y[0] == values["clean_error"]
    assert list(curve.y[1:]) == pytest.approx([fmean(c) for c in zip(*grid, strict=True)])
    assert curve.y[5] > curve.y[1]
    assert curve.y[5] > curve.y[0] + 8
    assert "mce" not in values
    again = replace(asked, batch_size=37).measure(subject).values
    assert again == pytest.approx(values, abs=1.0)
    after = subject.model.state_dict()
    assert all(torch.equal(before[name], after[name]) for name in before)
    assert torch.equal(state, torch.get_rng_state())


@pytest.mark.parametrize(
    ("adapter", "fixture"),
    [
        *(("images", "real_cifar10"), ("tabular", "real_openml")),
        *(("speech", "real_speech"), ("graphs", "real_graphs")),
    ],
)
def test_real_data_are_asked_about_too(
    adapter: str, fixture: str, request: pytest.FixtureRequest
) -> None:
    subject = trained(adapter, request.getfixturevalue(fixture))
    names = CHOSEN[adapter]
    asked = Corruption(names=names, severities=(1, 5), made="here", rows=60, batch_size=20)
    values = asked.measure(subject).values
    assert values["rows"] == min(60, len(subject.data.test))
    mean = fmean(values[f"{name} {s}"] for name in names for s in (1, 5))
    assert values["mean_error"] == pytest.approx(mean)
    assert values["severity 5"] >= values["severity 1"] - 5


def test_one_number_is_that_of_a_hand_made_loop() -> None:
    subject = trained("tabular")
    shift = subject.data.shifts.made["noise"]
    values = Corruption(names="noise", severities=(4,), seed=3).measure(subject).values
    assert values["noise 4"] == pytest.approx(
        error_of(subject, shift.of(subject.data.test, 4, seed=3))
    )
    assert values["clean_error"] == pytest.approx(error_of(subject, subject.data.test))
    assert values["rows"] == len(subject.data.test)


@dataclass(frozen=True)
class Flipped(Shift):
    """Every input is that of another class, beyond one severity."""

    above: int
    standard: bool = True
    fault: str = ""
    package: str = ""

    def of(self, source: Source, severity: int, seed: int) -> Source:
        turned = (source.labels + (severity > self.above)) % 3

        def read(index: torch.Tensor, device: torch.device | str) -> torch.Tensor:
            return nn.functional.one_hot(turned[index], 3).float()

        return Shifted(source, read)  # type: ignore[arg-type]

    def check(self, source: Source) -> None:
        if self.fault:
            raise DataError(self.fault)
        if self.package:
            raise SettingError(f"install {self.package}")


Table = dict[str, Shift]


def oracle(**shifts: Table) -> Subject:
    """A model that reads its answer in its input, with made-up corruptions."""
    data: Data = door.load_adapter("tabular").datasets["sklearn_iris"].load(Path(), Trial())
    made = replace(data, shifts=Shifts(**shifts), test=Flipped(5).of(data.test, 1, 0))
    return Subject(lambda: nn.Identity(), made, Softmax(), torch.device("cpu"))


def test_standard_published_and_extra_ones_are_told_apart() -> None:
    made: Table = {"a": Flipped(5), "b": Flipped(0, standard=False)}
    subject = oracle(made=made)
    everything = Corruption(names="all").measure(subject).values
    wrong = everything["b"]
    assert wrong == 100
    assert Corruption().measure(subject).values["mean_error"] == 0
    assert everything["mean_error"] == pytest.approx(wrong / 2)
    published = oracle(made=made, published={"a": Flipped(0)})
    assert Corruption().measure(published).values["mean_error"] == pytest.approx(wrong)
    assert Corruption(made="here").measure(published).values["mean_error"] == 0


def test_mce_is_relative_to_the_baseline_and_beside_the_mean() -> None:
    subject = oracle(made={"a": Flipped(2), "b": Flipped(4)})
    values = Corruption(baseline={"a": 50.0, "b": 20.0}).measure(subject).values
    wrong = values["a 5"]
    assert [values[f"a {s}"] for s in SEVERITIES] == [0, 0, wrong, wrong, wrong]
    a, b = 3 / 5 * wrong, wrong / 5
    assert values["mean_error"] == pytest.approx((a + b) / 2)
    assert values["mce"] == pytest.approx(100 * (a / 50 + b / 20) / 2)
    assert [values[f"severity {s}"] for s in SEVERITIES] == pytest.approx(
        [0, 0, wrong / 2, wrong / 2, wrong]
    )


def refused(message: str, subject: Subject, **settings: Any) -> None:
    with pytest.raises((SettingError, DataError), match=message):
        Corruption(**settings).check(subject)


def test_what_cannot_be_asked_is_refused() -> None:
    subject = oracle(made={"fog": Flipped(0), "snow": Flipped(0)})
    refused(r"iris has no corruption 'fig'; did you mean 'fog'", subject, names=("fig",))
    refused("baseline lacks snow", subject, baseline={"fog": 3.0})
    refused("baseline lacks fog, snow: expected", subject, baseline={})
    refused("no published corruptions: .* or made: here", subject, made="published")
    refused("has no corruptions: expected a data set whose adapter offers some", oracle())
    refused("no part 'validation'", subject, part="validation")
    broken = oracle(made={"fog": Flipped(0, fault="fog.npy is missing")})
    refused("fog.npy is missing", broken)
    for settings, message in (
        ({"severities": (0, 1)}, r"severities is \[0, 1\]: expected some of 1 to 5"),
        ({"severities": ()}, "expected some of 1 to 5"),
        ({"severities": (3, 3)}, "each once"),
        ({"names": ()}, "names is empty"),
        ({"baseline": {"fog": 0.0}}, "above 0"),
        ({"rows": 0}, "rows is 0"),
    ):
        with pytest.raises(SettingError, match=message):
            Corruption(**settings)  # type: ignore[arg-type]


def test_what_needs_no_package_is_named_where_others_do() -> None:
    lacking, whole = Flipped(0, package="mixup-multi[snow]"), Flipped(0)
    subject = oracle(made={"fog": whole, "snow": lacking, "hail": lacking, "rain": whole})
    refused(r"^install mixup-multi\[snow\]; .* names: \[fog, rain\]$", subject)
    refused(r"^install mixup-multi\[snow\]$", subject, names="snow")
    Corruption(names=("fog", "rain")).check(subject)


def test_the_standard_ones_of_images_name_their_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    made = "mixup_multi_adapters.images.corruptions.made.find_spec"
    monkeypatch.setattr(made, lambda _: None)
    refused(
        r"frost needs .*'mixup-multi\[corruptions\]'.*names: \[gaussian_noise, shot_noise, ",
        trained("images"),
    )


RECIPE = """\
title: shifts
adapter: {adapter}
datasets: [{data}]
models: [{model}]
methods: [erm]
train: {{epochs: 1, batch_size: 64}}
evaluate: {evaluations}
"""


def run(tmp_path: Path, adapter: str, data: str, model: str, evaluations: Sequence[Any]) -> Any:
    text = RECIPE.format(
        adapter=adapter, data=data, model=model, evaluations=json.dumps(evaluations)
    )
    (tmp_path / "shifts.yaml").write_text(text)
    return invoke("run", tmp_path / "shifts.yaml", "--out", tmp_path / "out")


def test_recipes_ask_for_them(tmp_path: Path) -> None:
    noise = {"name": "corruption", "names": ["gaussian_noise", "contrast"], "severities": [1, 5]}
    turned = {"name": "deformation", "kind": "rotation", "range": 40, "label": "turned"}
    relative = {**noise, "label": "mce", "baseline": {"gaussian_noise": 9, "contrast": 8}}
    done = run(tmp_path, "images", "digits", "small_cnn", [noise, turned, relative])
    assert done.code == 0, done.out + done.err
    assert "corruption %" in done.out
    assert "turned %" in done.out
    files = sorted((tmp_path / "out").glob("cells/*/evaluations/*.json"))
    values = [json.loads(file.read_text())["values"] for file in files]
    assert sum("mce" in found for found in values) == 1
    assert all(0 <= found["clean_error"] <= 100 for found in values)


@pytest.mark.parametrize(
    ("adapter", "data", "model", "evaluation", "message"),
    [
        ("tabular", "sklearn_iris", "mlp", {"names": ["fog"]}, "no corruption 'fog'"),
        ("tabular", "sklearn_iris", "mlp", {"made": "published"}, "no published corruptions"),
        ("tabular", "sklearn_iris", "mlp", {"severities": [6]}, "some of 1 to 5"),
        ("tabular", "sklearn_iris", "mlp", {"baseline": {"noise": 3}}, "baseline lacks"),
    ],
)
def test_a_recipe_that_cannot_be_met_says_so_before_training(
    tmp_path: Path, adapter: str, data: str, model: str, evaluation: dict[str, Any], message: str
) -> None:
    done = run(tmp_path, adapter, data, model, [{"name": "corruption", **evaluation}])
    assert done.code == 2
    assert message in " ".join((done.out + done.err).split())
    assert not list((tmp_path / "out").glob("cells/*/result.json"))
