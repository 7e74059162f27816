"""What an objective is shown of the data, in earnest and in a rehearsal."""

from __future__ import annotations

from dataclasses import replace

import torch
from codec_cases import Fitted, Squash, data_of, source_of

from mixup_multi.engine.training import Rehearsal, Training
from mixup_multi.latent import MMDVAE, Identity
from mixup_multi.mix import BetaShare
from mixup_multi.objectives import MixupE, Vicinal

ROWS = torch.arange(12.0).view(6, 2)


def test_the_key_is_that_of_content_and_split():
    data = data_of(ROWS, "content")
    keys = {
        Training(one).key
        for one in (
            data,
            replace(data, key="other"),
            replace(data, train=source_of(ROWS[:5])),
            replace(data, train=replace(data.train, ids=tuple("fedcba"))),
        )
    }
    assert len(keys) == 4
    assert Training(replace(data, notes=("a note",), test=source_of(ROWS[:2]))).key in keys


def test_codecs_come_from_the_workshop_or_are_fitted_at_once():
    train = Training(data_of(ROWS))
    assert train.fitted(Fitted(0.3)) == Squash(0.3)
    assert train.fitted(Squash(0.5)) == Squash(0.5)  # needs no fit
    kept = Training(data_of(ROWS), lambda codec, part: (codec, part.key))
    assert kept.fitted("codec") == ("codec", kept.key)


def test_a_codec_is_put_where_models_are_trained():
    train = Training(data_of(ROWS), device=torch.device("meta"))
    layer = torch.nn.Linear(2, 2)
    layer.encode = layer.decode = layer.forward
    assert train.fitted(layer).weight.device.type == "meta"


def test_a_rehearsal_shows_two_examples_and_neither_fits_nor_averages():
    rehearsal = Rehearsal(data_of(ROWS))
    assert len(rehearsal.source) == 2
    assert torch.equal(rehearsal.source.gather(torch.tensor([1])).inputs, ROWS[1:2])
    assert rehearsal.mean() is None
    assert isinstance(rehearsal.fitted(Fitted()), Identity)
    assert rehearsal.fitted(Squash(0.5)) == Squash(0.5)
    begun = rehearsal.fitted(MMDVAE(latent=2, width=2))
    assert begun.encode(ROWS).shape == (6, 2)
    assert rehearsal.key == Training(data_of(ROWS)).key


def test_what_is_rehearsed_is_the_method_without_the_mean():
    inner = Vicinal(BetaShare(0.5))
    exact = MixupE(inner, form="exact_abs")
    assert exact.fit(Rehearsal(data_of(ROWS))).mean is None
    assert torch.equal(exact.fit(Training(data_of(ROWS))).mean, ROWS.mean(0))
