"""The methods by name: what they are, and what they refuse."""

from __future__ import annotations

import pytest
from codec_cases import Squash

from mixup_multi import door
from mixup_multi.errors import SettingError
from mixup_multi.latent import MMDVAE, AdvMMDVAE, Kernel, Latent, Reconstructions
from mixup_multi.objectives import LOSSES, MixupE, Vicinal
from mixup_multi.objectives.normal import NormalHidden


def build(name: str, **settings) -> object:
    resolved = door.check_settings(door.load_objective(name), settings)
    return door.build_objective({"name": name, **resolved})


def test_each_method_is_a_choice_of_fields():
    codec = {"name": "mmd_vae", "latent": 8}
    fields = {"points": ("input",), "loss_fn": LOSSES["softmax"]}
    varmixup = Vicinal(blend=Latent(MMDVAE(latent=8)), **fields)
    assert build("varmixup", codec=codec) == varmixup
    found = build("mixup_r", codec=codec, cached=False)
    assert found == Vicinal(blend=Reconstructions(MMDVAE(latent=8), False), **fields)
    found = build("adv_varmixup", codec={"name": "adv_mmd_vae", "latent": 8})
    assert found == Vicinal(blend=Latent(AdvMMDVAE(latent=8)), **fields)
    found = build("varmixup_readout", gamma=0.5, kernel="rbf", sigma=2.0)
    assert found == NormalHidden(Vicinal(loss_fn=LOSSES["softmax"]), 0.5, Kernel("rbf", 2.0))
    inner = {"name": "varmixup", "codec": codec}
    assert build("mixupe", eta=0.5, inner=inner) == MixupE(varmixup, 0.5)


@pytest.mark.parametrize("name", ["varmixup", "adv_varmixup", "mixup_r"])
def test_a_codec_is_asked_for(name):
    with pytest.raises(SettingError, match=r"'codec' is None: expected a codec, e\.g\. \{name:"):
        build(name)
    with pytest.raises(SettingError, match="there is no codec 'mmdvae'; did you mean 'mmd_vae'"):
        build(name, codec="mmdvae")
    with pytest.raises(SettingError, match="codec 'mmd_vae': unknown setting 'latnt'.*'latent'"):
        build(name, codec={"name": "mmd_vae", "latnt": 3})


def test_adv_varmixup_wants_a_codec_that_was_attacked_or_a_strangers():
    with pytest.raises(SettingError, match="without an attack: expected codec: adv_mmd_vae"):
        build("adv_varmixup", codec="mmd_vae")
    attacked = {"name": "mmd_vae", "attack": {"name": "fgsm", "eps": 0.1}}
    assert build("adv_varmixup", codec=attacked).blend.codec.attack.eps == 0.1
    assert build("adv_varmixup", codec="codec_cases:Squash").blend.codec == Squash()
