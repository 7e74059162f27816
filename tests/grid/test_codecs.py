"""Codecs of a run: fitted once, used by all cells, gone on with, mended, and told of."""

from __future__ import annotations

import csv
import io
import json
import multiprocessing
import shutil
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from codec_cases import Squash, data_of, waves

from mixup_multi.engine.sealed import load_sealed
from mixup_multi.engine.training import Training
from mixup_multi.errors import DataError, PointError, SettingError, WriteError
from mixup_multi.grid.codecs import keep as codecs
from mixup_multi.grid.codecs import sheets as codec_sheets
from mixup_multi.grid.codecs.keep import CodecFolder, fitted_codecs, kept_codec
from mixup_multi.grid.folder.locks import locked
from mixup_multi.grid.folder.sealed_json import read_json
from mixup_multi.latent import MMDVAE, Identity
from mixup_multi.latent.mmd_vae import FittedVAE

CODEC = {"name": "mmd_vae", "latent": 2, "epochs": 3, "batch_size": 32, "width": 4}
METHODS = [
    {"name": "varmixup", "codec": CODEC},
    {"name": "mixup_r", "codec": CODEC},
    {"name": "mixupe", "eta": 0.3, "inner": {"name": "varmixup", "codec": CODEC}},
]
SMALL = MMDVAE(latent=2, epochs=3, batch_size=32, width=4)


@pytest.fixture
def latent_grid(make_grid: Callable[..., Any], tmp_path: Path) -> Callable[..., Any]:
    """`latent_grid(name, **changes)`: three methods by one codec on iris, one trial."""

    def made(name: str = "out", **changes: Any) -> Any:
        return make_grid(tmp_path / name, **{"methods": METHODS, "trials": 1, **changes})

    return made


@pytest.fixture
def fits(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Lists the folders of the codecs that are fitted."""
    seen: list[str] = []
    fit = codecs._fit
    monkeypatch.setattr(codecs, "_fit", lambda f, *a: (seen.append(f.name), fit(f, *a))[1])
    return seen


def only_folder(grid: Any) -> Path:
    (folder,) = (grid.site.out / "codecs").iterdir()
    return folder


def test_all_cells_share_one_codec_which_a_second_run_finds(latent_grid, fits, remember):
    grid = latent_grid()
    memory = grid.run()
    assert not memory.failed
    assert len(memory.ended) == 3
    (name,) = fits
    assert name.startswith("mmdvae-sklearn_iris-")
    assert any(f"fitting the codec {name}, 3 epochs" in said for said in memory.said)
    assert any(f"fitted the codec {name} in" in said for said in memory.said)
    other = latent_grid(train={"epochs": 2})  # other cells, the same codec
    assert len(other.run().ended) == 3
    assert fits == [name]
    assert fitted_codecs(grid.site.out, SMALL) == 1


def test_what_a_codecs_folder_holds(latent_grid):
    grid = latent_grid()
    grid.run()
    folder = only_folder(grid)
    names = {path.name for path in folder.iterdir()}
    assert names == {"codec.pt", "codec.json", "metrics.jsonl", "reconstructions.csv"}
    record = read_json(folder / "codec.json")
    assert record["codec"] == {
        "name": "mixup_multi.latent.mmd_vae:MMDVAE", "latent": 2, "gamma": 1.0,
        "kernel": "rbf_dim", "sigma": 1.0, "epochs": 3, "batch_size": 32, "lr": 1e-3, "width": 4,
        "seed": 0, "attack": None,
    }  # fmt: skip
    cell = json.loads((grid.folder() / "cell.json").read_text())
    assert record["data_key"] == cell["data_key"]
    assert "torch" in record["environment"]["packages"]
    lines = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
    assert [line["epoch"] for line in lines] == [1, 2, 3]
    assert set(lines[0]) == {"epoch", "loss", "mmd", "reconstruction", "seconds"}
    assert record["last_epoch"] == lines[-1]
    table = list(csv.DictReader(io.StringIO((folder / "reconstructions.csv").read_text())))
    assert [row["column"] for row in table] == ["0", "1", "2", "3"]


def test_a_codec_changes_nothing_else_of_a_cell(latent_grid, make_grid, tmp_path):
    """With the identity in place of a codec VarMixup is mixup, to the last bit of a cell."""
    plain = make_grid(tmp_path / "plain", methods=["mixup"], trials=1)
    plain.run()
    (expected,) = plain.logits().values()
    coded = latent_grid(
        methods=[{"name": "varmixup", "codec": {"name": "mixup_multi.latent:Identity"}}]
    )
    coded.run()
    (found,) = coded.logits().values()
    assert torch.equal(found, expected)
    assert not (coded.site.out / "codecs").exists()


def test_fitted_or_found_by_one_process_or_two_the_bits_are_the_same(latent_grid):
    alone, together = latent_grid("alone"), latent_grid("together")
    alone.run()
    memory = together.run(jobs=2)
    assert not memory.failed
    assert together.same_bits(alone)
    assert sum(said.startswith("fitted the codec") for said in memory.said) == 1
    (began,) = together.site.out.glob("cells/*-varmixup-*")
    shutil.rmtree(began)  # where the codec was fitted it is now found
    together.run()
    assert together.same_bits(alone)


def test_a_killed_fit_goes_on_from_its_checkpoint(latent_grid, monkeypatch):
    whole, grid = latent_grid("whole"), latent_grid()
    whole.run()
    write, told = codecs._Telling.__call__, []

    def stop(self, record):
        write(self, record)
        told.append(record["epoch"])
        if record["epoch"] == 2:
            raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(codecs._Telling, "__call__", stop)
        with pytest.raises(KeyboardInterrupt):
            grid.run()
    folder = only_folder(grid)
    assert (folder / "checkpoint.pt").exists()
    assert not (folder / "codec.pt").exists()
    (folder / ".codec.pt.1.tmp").touch()
    grid.run()
    assert grid.same_bits(whole)
    first, second = only_folder(grid), only_folder(whole)
    weights = [load_sealed(at / "codec.pt")["fitted"]["weights"] for at in (first, second)]
    assert all(torch.equal(value, weights[1][name]) for name, value in weights[0].items())
    assert len((folder / "metrics.jsonl").read_text().splitlines()) == 3
    assert not list(folder.glob("checkpoint*")) + list(folder.glob(".*"))


def test_a_damaged_codec_is_set_aside_and_fitted_again(latent_grid, fits):
    grid = latent_grid()
    grid.run()
    folder, again = only_folder(grid), latent_grid(train={"epochs": 2})
    whole = (folder / "codec.pt").read_bytes()
    (folder / "codec.pt").write_bytes(whole[:40] + bytes([whole[40] ^ 1]) + whole[41:])
    memory = again.run()
    assert not memory.failed
    assert len(fits) == 2
    assert any("codec.pt.damaged-1" in said for said in memory.said)
    weights = [load_sealed(folder / "codec.pt")["fitted"]["weights"]]
    assert all(value.isfinite().all() for value in weights[0].values())


def test_a_damaged_description_is_written_again_without_a_fit(latent_grid, fits):
    grid = latent_grid()
    grid.run()
    folder = only_folder(grid)
    kept = (folder / "codec.json").read_text()
    (folder / "codec.json").write_text(kept[:-9])
    latent_grid(train={"epochs": 2}).run()
    assert len(fits) == 1
    assert (folder / "codec.json").read_text() == kept
    assert (folder / "codec.json.damaged-1").exists()


def test_other_settings_or_other_data_have_another_codec(tmp_path):
    train = Training(data_of(waves()))
    names = {
        CodecFolder.of(tmp_path, codec, data).name
        for codec in (SMALL, MMDVAE(latent=3))
        for data in (train, Training(data_of(waves(), "other")))
    }
    assert len(names) == 4


def test_each_split_has_its_own_codec_though_the_data_are_the_same(latent_grid, fits):
    """Iris is split by the trial's seed: a codec of another trial has seen what is tested on."""
    grid = latent_grid(trials=2, methods=METHODS[:1])
    grid.run()
    cells = [json.loads((grid.folder(n) / "cell.json").read_text()) for n in (0, 1)]
    assert cells[0]["data_key"] == cells[1]["data_key"]
    assert len(fits) == len(set(fits)) == 2


def test_images_have_sheets_of_reconstructions_and_of_both_ways_to_mix(tmp_path):
    from matplotlib.image import imread

    for images in (waves(12), waves(12).repeat(1, 3, 1, 1), torch.randn(12, 2, 5, 9)):
        folder = tmp_path / f"{images.shape[1]}"
        folder.mkdir()
        codec_sheets.write_sheets(folder, Identity(), Training(data_of(images)))
        for name in ("reconstructions.png", "interpolations.png"):
            assert imread(folder / name).std() > 0.05


def test_interpolations_go_from_one_end_to_the_other_input_mixup_above():
    pairs = waves(6).view(3, 2, 1, 8, 8)
    lines = codec_sheets.interpolations(Squash(), pairs)
    assert [name for name, _ in lines] == ["mixup", "latent"] * 3
    for pair, (_, mixed), (_, latent) in zip(pairs, lines[::2], lines[1::2], strict=True):
        torch.testing.assert_close(mixed[[0, -1]], pair)
        torch.testing.assert_close(latent[[0, -1]], Squash().reconstruct(pair))
        middle = codec_sheets.SHARES.index(0.5)
        torch.testing.assert_close(mixed[middle], pair.mean(0))
        codes = Squash().encode(pair).mean(0)
        torch.testing.assert_close(latent[middle], Squash().decode(codes))


def test_a_tables_sheet_says_how_well_each_column_is_kept():
    rows = torch.tensor([[1.0, 5.0], [-1.0, 5.0], [3.0, 5.0], [-3.0, 5.0]])

    class Halving(Identity):
        def decode(self, z):
            return z / 2

    first, second = csv.DictReader(io.StringIO(codec_sheets.columns_csv(Halving(), rows)))
    assert float(first["standard_deviation"]) == pytest.approx(5**0.5, rel=1e-5)
    assert float(first["explained"]) == pytest.approx(0.75, rel=1e-5)
    assert float(second["rms_error"]) == 2.5
    assert second["explained"] == ""


def _hold(out: Path, name: str, ready: Any, free: Any) -> None:
    with locked(out, name):
        ready.set()
        free.wait(30)


def test_a_codec_that_another_process_fits_is_waited_for(tmp_path, caplog):
    train = Training(data_of(waves()))
    folder = CodecFolder.of(tmp_path, SMALL, train)
    context = multiprocessing.get_context("fork")
    ready, free = context.Event(), context.Event()
    process = context.Process(target=_hold, args=(tmp_path, folder.lock, ready, free))
    process.start()
    assert ready.wait(30)
    timer = context.Process(target=lambda: (time.sleep(0.3), free.set()))
    timer.start()
    with caplog.at_level("INFO", "mixup_multi"):
        fitted = kept_codec(SMALL, train, out=tmp_path)
    process.join()
    timer.join()
    assert isinstance(fitted, FittedVAE)
    said = [record.getMessage() for record in caplog.records]
    assert said[0].startswith(f"waiting for the codec {folder.name}, which process {process.pid}")


def test_a_long_fit_says_how_far_it_is(tmp_path, caplog, monkeypatch):
    monkeypatch.setattr(codecs, "SAY_SECONDS", 0.0)
    with caplog.at_level("INFO", "mixup_multi"):
        kept_codec(SMALL, Training(data_of(waves())), out=tmp_path)
    said = [record.getMessage() for record in caplog.records]
    assert any(line.endswith("epoch 2 of 3") for line in said)


def test_a_full_disk_stops_the_run_which_then_goes_on(latent_grid, monkeypatch, fits):
    def full(*_: object) -> None:
        raise WriteError("the disk is full")

    grid = latent_grid(methods=METHODS[:1])
    with monkeypatch.context() as patch:
        patch.setattr(codecs, "write_codec", full)
        with pytest.raises(WriteError, match="the disk is full"):
            grid.run()
    assert not grid.logits()
    grid.run()
    assert len(grid.logits()) == 1
    assert len(fits) == 2


@pytest.mark.parametrize(
    ("method", "error", "message"),
    [
        ({"codec": {"name": "saved", "path": "none.pt"}}, DataError, "file of a fitted codec"),
        (
            {"codec": {"name": "pathlib:PurePath"}},
            SettingError,
            "is a PurePosixPath: expected a Codec",
        ),
        ({"codec": {"name": "codec_cases:Shortening"}}, PointError, r"decodes \(2, 3\) where"),
    ],
)
def test_a_codec_that_does_not_fit_is_refused_before_any_training(
    latent_grid, remember, method, error, message
):
    memory = remember()
    with pytest.raises(error, match=message):
        latent_grid(methods=["erm", {"name": "varmixup", **method}]).run(memory)
    assert memory.started == []


def test_a_codec_fitted_on_other_data_is_refused_before_any_training(latent_grid):
    grid = latent_grid()
    grid.run()
    saved = {
        "name": "varmixup",
        "codec": {"name": "saved", "path": str(only_folder(grid) / "codec.pt")},
    }
    same = latent_grid("same", methods=[saved])
    assert len(same.run().ended) == 1
    (expected, *_), (found,) = (
        [value for name, value in sorted(one.logits().items()) if "-varmixup-" in name]
        for one in (grid, same)
    )
    assert torch.equal(found, expected)  # the file is the codec
    with pytest.raises(DataError, match="fitted on other data .sklearn_iris. than these"):
        latent_grid("other", methods=[saved], datasets=["sklearn_wine"]).run()
