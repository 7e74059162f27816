"""Hugging Face: erm is the Trainer's own training, text is mixed at hidden points, runs resume."""

from __future__ import annotations

import copy
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.utils.data import Dataset
from transformers import (
    AutoModelForSequenceClassification,
    BertConfig,
    BertForMaskedLM,
    BertForSequenceClassification,
    GPT2Config,
    LlamaConfig,
    ModernBertConfig,
    ResNetConfig,
    ResNetForImageClassification,
    T5Config,
    Trainer,
    TrainingArguments,
    ViTConfig,
    ViTForImageClassification,
    XLMConfig,
    XLNetConfig,
)

from mixup_multi.errors import PointError, SettingError
from mixup_multi.integrations import Method
from mixup_multi.integrations.huggingface import MixedLoss, MixedTrainer, logits_of
from mixup_multi.mix import Mix
from mixup_multi.mix.linear import Linear
from mixup_multi.objectives.objective import Draw
from mixup_multi.objectives.vicinal import Blending

CLASSES = 3
TINY = {
    "hidden_size": 8,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "intermediate_size": 16,
    "num_labels": CLASSES,
}


def _vit() -> nn.Module:
    torch.manual_seed(1)
    return ViTForImageClassification(ViTConfig(image_size=8, patch_size=4, **TINY))


def _resnet() -> nn.Module:
    torch.manual_seed(1)
    return ResNetForImageClassification(
        ResNetConfig(
            embedding_size=8, hidden_sizes=[8, 8], depths=[1, 1], layer_type="basic", num_labels=3
        )
    )


def _bert(**settings: Any) -> nn.Module:
    torch.manual_seed(1)
    config = BertConfig(vocab_size=30, max_position_embeddings=16, **TINY, **settings)
    return BertForSequenceClassification(config)


class Images(Dataset[dict[str, Any]]):
    def __init__(self, n: int = 20, label: str = "labels") -> None:
        generator = torch.Generator().manual_seed(2)
        self.images = torch.randn(n, 3, 8, 8, generator=generator)
        self.label = label

    def __len__(self) -> int:
        return len(self.images)

    def __getitem__(self, row: int) -> dict[str, Any]:
        return {"pixel_values": self.images[row], self.label: row % CLASSES}


def _text(n: int = 6, length: int = 7) -> dict[str, Tensor]:
    """Token ids of rows of different lengths, padded by 0."""
    generator = torch.Generator().manual_seed(3)
    ids = torch.randint(1, 30, (n, length), generator=generator)
    lengths = torch.randint(2, length + 1, (n,), generator=generator)
    lengths[0] = length
    mask = (torch.arange(length) < lengths[:, None]).long()
    return {"input_ids": ids * mask, "attention_mask": mask}


class Text(Dataset[dict[str, Any]]):
    def __init__(self, n: int = 20) -> None:
        self.rows = _text(n)

    def __len__(self) -> int:
        return len(self.rows["input_ids"])

    def __getitem__(self, row: int) -> dict[str, Any]:
        return {**{name: value[row] for name, value in self.rows.items()}, "labels": row % CLASSES}


def _arguments(folder: Path, **settings: Any) -> TrainingArguments:
    given = {
        "num_train_epochs": 2,
        "per_device_train_batch_size": 8,
        "learning_rate": 0.01,
        "report_to": "none",
        "save_strategy": "no",
        "disable_tqdm": True,
        "logging_strategy": "no",
        "use_cpu": True,
        "seed": 3,
    }
    return TrainingArguments(str(folder), **{**given, **settings})


def _same(first: nn.Module, second: nn.Module) -> None:
    one, other = first.state_dict(), second.state_dict()
    for name, value in one.items():
        assert torch.equal(value, other[name]), name


MODELS = {"vit": _vit, "resnet": _resnet}


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("settings", [{"name": "erm"}, {"name": "mixup", "alpha": 0.0}])
def test_without_mixing_it_is_the_trainers_own_training(
    model: str, settings: dict[str, Any], tmp_path: Path
) -> None:
    settings = dict(settings)
    plain, mixed = MODELS[model](), MODELS[model]()
    Trainer(plain, _arguments(tmp_path), train_dataset=Images()).train()
    method = Method(settings.pop("name"), **settings)
    MixedTrainer(mixed, _arguments(tmp_path), train_dataset=Images(), method=method).train()
    _same(plain, mixed)


def test_accumulated_micro_batches_count_by_their_rows_as_the_trainers_do(tmp_path: Path) -> None:
    settings = {"gradient_accumulation_steps": 3, "optim": "sgd", "max_grad_norm": 0}
    models = [_vit(), _vit()]
    Trainer(models[0], _arguments(tmp_path, **settings), train_dataset=Images()).train()
    MixedTrainer(
        models[1], _arguments(tmp_path, **settings), train_dataset=Images(), method=Method("erm")
    ).train()
    for one, other in zip(models[0].parameters(), models[1].parameters(), strict=True):
        torch.testing.assert_close(one, other, rtol=1e-5, atol=1e-7)


def test_accumulated_micro_batches_are_the_step_of_one_large_batch(tmp_path: Path) -> None:
    """Also where the Trainer's own loss, of transformers 5.23, is a sum of means."""
    still = {"hidden_dropout_prob": 0.0, "attention_probs_dropout_prob": 0.0}
    models = []
    for rows, micro_batches in ((12, 1), (4, 3)):
        arguments = _arguments(
            tmp_path,
            per_device_train_batch_size=rows,
            gradient_accumulation_steps=micro_batches,
            max_steps=2,
            optim="sgd",
            max_grad_norm=0.0,
        )
        model = _bert(**still)
        MixedTrainer(model, arguments, train_dataset=Text(24), method=Method("erm")).train()
        models.append(model)
    for one, other in zip(*(model.parameters() for model in models), strict=True):
        torch.testing.assert_close(one, other, rtol=0, atol=1e-6)


def test_a_run_is_the_plain_loop_bit_for_bit(tmp_path: Path) -> None:
    settings = {"optim": "sgd", "lr_scheduler_type": "constant", "max_grad_norm": 0}
    seen: list[dict[str, Tensor]] = []

    class Seeing(MixedTrainer):
        def compute_loss(self, model: Any, inputs: Any, *args: Any, **kwargs: Any) -> Any:
            seen.append({name: value.clone() for name, value in inputs.items()})
            return super().compute_loss(model, inputs, *args, **kwargs)

    trained = _bert(hidden_dropout_prob=0.0, attention_probs_dropout_prob=0.0)
    looped = copy.deepcopy(trained)
    point = "bert.encoder"
    arguments = _arguments(tmp_path, **settings)
    method = Method("mixupe", alpha=0.4, points=[point])
    Seeing(trained, arguments, train_dataset=Text(), method=method, at=[point]).train()

    method = Method("mixupe", classes=CLASSES, alpha=0.4, points=[point])
    optimizer = torch.optim.SGD(looped.parameters(), lr=0.01)
    model = logits_of(looped, at=[point]).train()
    for batch in seen:
        labels = batch.pop("labels")
        optimizer.zero_grad()
        method(model, batch, labels).backward()
        optimizer.step()
    _same(trained, looped)


def test_evaluation_is_not_mixed(tmp_path: Path) -> None:
    model = _vit()
    trainer = MixedTrainer(
        model, _arguments(tmp_path), eval_dataset=Images(), method=Method("mixup", classes=CLASSES)
    )
    found = trainer.evaluate()["eval_loss"]
    x, y = Images().images, torch.arange(20) % CLASSES
    expected = functional.cross_entropy(model.eval()(x).logits, y)
    assert found == pytest.approx(expected.item(), rel=1e-5)
    assert trainer.method.terms is None


def test_the_log_has_what_the_method_computes(tmp_path: Path) -> None:
    arguments = _arguments(tmp_path, logging_strategy="epoch")
    method = Method("mixupe", alpha=0.4)
    trainer = MixedTrainer(_vit(), arguments, train_dataset=Images(), method=method)
    trainer.train()
    logged = next(line for line in trainer.state.log_history if "loss" in line)
    assert {"error", "mixed_loss", "regulariser", "etahat"} <= logged.keys()
    assert logged["mixed_loss"] == pytest.approx(logged["loss"], rel=0.2)


@pytest.mark.parametrize("steps", [3, 4])  # of three an epoch: at its end, and within the second
def test_a_resumed_run_is_the_uninterrupted_one_bit_for_bit(steps: int, tmp_path: Path) -> None:
    def run(resume: str | None = None) -> nn.Module:
        model = _resnet()  # transformers 5.23 does not load the layers of a ViT again
        arguments = _arguments(tmp_path, save_strategy="steps", save_steps=steps)
        method = Method("mixupe", alpha=0.4)
        trainer = MixedTrainer(model, arguments, train_dataset=Images(), method=method)
        trainer.train(resume_from_checkpoint=resume)
        return model

    whole = run()
    resumed = run(str(tmp_path / f"checkpoint-{steps}"))
    _same(whole, resumed)


def test_a_checkpoint_without_draws_is_remarked_upon(tmp_path: Path) -> None:
    arguments = _arguments(tmp_path, save_strategy="epoch")
    Trainer(_vit(), arguments, train_dataset=Images()).train()
    trainer = MixedTrainer(_vit(), arguments, train_dataset=Images(), method=Method("mixup"))
    with pytest.warns(UserWarning, match="without a method"):
        trainer.train(resume_from_checkpoint=str(tmp_path / "checkpoint-3"))


def test_any_trainer_can_take_the_mixin(tmp_path: Path) -> None:
    class Mine(Trainer):
        pass

    class MixedMine(MixedLoss, Mine):
        pass

    model = _resnet()
    before = copy.deepcopy(model.state_dict())
    MixedMine(
        model, _arguments(tmp_path), train_dataset=Images(), method=Method("cutmix", alpha=1.0)
    ).train()
    assert not torch.equal(before["classifier.1.weight"], model.classifier[1].weight)


def test_labels_may_have_another_name(tmp_path: Path) -> None:
    arguments = _arguments(tmp_path, label_names=["digit"], remove_unused_columns=False)
    data = Images(label="digit")
    method = Method("mixup")
    MixedTrainer(_vit(), arguments, train_dataset=data, method=method).train()
    assert method.terms is not None


class TestPoints:
    """What flows at a point, and what the attention behind it sees."""

    @staticmethod
    def _blending(own: float, partner: list[int]) -> Blending:
        mix = Mix(torch.tensor(partner), torch.tensor([own], dtype=torch.float64))
        return Blending(Linear(), Draw(mix))

    def test_no_edit_is_the_model(self) -> None:
        model = _bert().eval()
        text = _text()
        assert torch.equal(logits_of(model, ["bert.encoder"])(text), model(**text).logits)

    @pytest.mark.parametrize("attention", ["sdpa", "eager"])
    @pytest.mark.parametrize("point", ["bert.encoder", "bert.encoder.layer.1"])
    def test_a_row_of_its_own_is_left_alone(self, point: str, attention: str) -> None:
        model = _bert(attn_implementation=attention).eval()
        text = _text()
        edits = {point: self._blending(1.0, [5, 4, 3, 2, 1, 0])}
        got = logits_of(model, [point])(text, edits)
        torch.testing.assert_close(got, model(**text).logits, rtol=0, atol=1e-6)

    @pytest.mark.parametrize("attention", ["sdpa", "eager"])
    @pytest.mark.parametrize("point", ["bert.encoder", "bert.encoder.layer.1"])
    def test_a_row_of_its_partners_is_the_partner(self, point: str, attention: str) -> None:
        model = _bert(attn_implementation=attention).eval()
        text, partner = _text(), [5, 4, 3, 2, 1, 0]
        got = logits_of(model, [point])(text, {point: self._blending(0.0, partner)})
        torch.testing.assert_close(got, model(**text).logits[partner], rtol=0, atol=1e-6)

    @pytest.mark.parametrize("attention", ["sdpa", "eager"])
    @pytest.mark.parametrize("layer", [0, 1])
    def test_behind_a_blend_attention_sees_the_union_of_the_masks(
        self, layer: int, attention: str
    ) -> None:
        """Against a forward pass that is written out, one layer after another."""
        model = _bert(attn_implementation=attention).eval()
        text, partner, own = _text(), [5, 4, 3, 2, 1, 0], 0.3
        point = f"bert.encoder.layer.{layer}"
        got = logits_of(model, [point])(text, {point: self._blending(own, partner)})

        mask = text["attention_mask"].bool()
        added = torch.zeros(mask.shape).masked_fill(~mask, torch.finfo(torch.float32).min)
        united = mask | mask[partner]
        added_united = torch.zeros(mask.shape).masked_fill(~united, torch.finfo(torch.float32).min)
        hidden = model.bert.embeddings(input_ids=text["input_ids"])
        for number, block in enumerate(model.bert.encoder.layer):
            if number == layer:
                hidden = own * hidden + (1 - own) * hidden[partner]
            seen = added if number < layer else added_united
            hidden = block(hidden, seen[:, None, None, :])
            hidden = hidden[0] if isinstance(hidden, tuple) else hidden  # transformers 4
        expected = model.classifier(model.bert.pooler(hidden))
        torch.testing.assert_close(got, expected, rtol=0, atol=1e-6)

    def test_mixing_at_the_head_needs_no_mask(self) -> None:
        model = _bert().eval()
        text, partner = _text(), [5, 4, 3, 2, 1, 0]
        got = logits_of(model, ["classifier"])(text, {"classifier": self._blending(0.3, partner)})
        logits = model(**text).logits
        torch.testing.assert_close(got, 0.3 * logits + 0.7 * logits[partner], rtol=0, atol=1e-6)

    def test_text_is_mixed_at_the_first_name_unless_told_otherwise(self) -> None:
        model = _bert(hidden_dropout_prob=0.0, attention_probs_dropout_prob=0.0)
        reading = logits_of(model, ["bert.encoder", "classifier"])
        losses = [
            Method("mixup", classes=CLASSES, **given)(reading, _text(), torch.arange(6) % 3)
            for given in ({}, {"points": ["bert.encoder"]}, {"points": ["classifier"]})
        ]
        assert losses[0] == losses[1] != losses[2]

    def test_no_hook_stays(self) -> None:
        model = _bert()
        logits_of(model, ["bert.encoder"])(
            _text(), {"bert.encoder": self._blending(0.5, [5, 4, 3, 2, 1, 0])}
        )
        assert not any(module._forward_pre_hooks for module in model.modules())

    @pytest.mark.parametrize("name", ["mixupe", "mixupe_exact", "manifold_mixup", "batchout"])
    def test_methods_have_finite_gradients_at_hidden_points(self, name: str) -> None:
        model = _bert(attn_implementation="eager").train()
        points = {"layers": "all"} if name == "batchout" else {"points": ["bert.encoder"]}
        method = Method(name, classes=CLASSES, **points)
        method(logits_of(model, ["bert.encoder"]), _text(), torch.arange(6) % 3).backward()
        for weight in model.parameters():
            assert weight.grad is not None
            assert weight.grad.isfinite().all()

    def test_attacks_see_images_as_tensors(self) -> None:
        from mixup_multi.bounds import pixels

        model = logits_of(_vit())
        images = Images().images
        method = Method(
            "adversarial", classes=CLASSES, attack={"name": "fgsm", "eps": "8/255"}
        ).fit(images, bounds=pixels((0.5,) * 3, (0.5,) * 3))
        loss = method(model, images.clamp(-1, 1), torch.arange(20) % 3)
        assert loss.isfinite()


SMALL = {**TINY, "vocab_size": 30, "initializer_range": 0.5}
GPT = {"n_embd": 8, "n_layer": 2, "n_head": 2, "vocab_size": 30, "num_labels": CLASSES}
SIDED = {
    "gpt2": (GPT2Config(**GPT, pad_token_id=0, initializer_range=0.5), "transformer.h.1"),
    "llama": (LlamaConfig(**SMALL, pad_token_id=0), "model.layers.1"),
}


def _classifier(config: Any) -> nn.Module:
    torch.manual_seed(1)
    return AutoModelForSequenceClassification.from_config(config).eval()


class TestModelsThatReadARowByItsLength:
    PARTNER = (5, 4, 3, 2, 1, 0)

    def _ends(self, model: nn.Module, point: str, text: dict[str, Tensor]) -> None:
        """All weight on one row is that row, on either side."""
        clean = model(**text).logits
        for own, rows in ((1.0, list(range(6))), (0.0, list(self.PARTNER))):
            mix = Mix(torch.tensor(self.PARTNER), torch.tensor([own], dtype=torch.float64))
            got = logits_of(model, [point])(text, {point: Blending(Linear(), Draw(mix))})
            torch.testing.assert_close(got, clean[rows], rtol=0, atol=1e-5)

    @pytest.mark.parametrize("name", SIDED)
    def test_decoders_want_padding_on_the_left(self, name: str) -> None:
        """A head that reads the last token reads a row's own last one, whatever it is mixed of."""
        config, point = SIDED[name]
        model, text = _classifier(config), _text()
        with pytest.raises(PointError, match=r"its last token.*padding_side='left'"):
            self._ends(model, point, text)
        self._ends(model, point, {key: value.flip(1) for key, value in text.items()})

    def test_masks_of_several_kinds_are_united_each(self) -> None:
        """ModernBERT hands layers that look around them another mask than those that see all."""
        tokens = {f"{name}_token_id": 1 for name in ("bos", "eos", "cls", "sep")}
        settings = {**SMALL, "num_hidden_layers": 4, "local_attention": 4, "pad_token_id": 0}
        model = _classifier(ModernBertConfig(**settings, **tokens))
        self._ends(model, "model.layers.0", _text())
        self._ends(model, "model.layers.1", _text())

    def test_the_mask_is_united_behind_a_point_that_reads_none(self) -> None:
        model = _classifier(BertConfig(**SMALL))
        self._ends(model, "bert.embeddings.LayerNorm", _text())

    def test_families_whose_masks_or_rows_lie_elsewhere_are_refused(self) -> None:
        text = _text()
        small = {"n_layers": 2, "n_heads": 2, "vocab_size": 30, "num_labels": CLASSES}
        xlm = _classifier(XLMConfig(emb_dim=8, pad_index=0, **small))
        with pytest.raises(PointError, match="xlm reads each row by its own length"):
            self._ends(xlm, "transformer.layer_norm_emb", text)
        alike = {"input_ids": text["input_ids"].clamp(min=5)}
        self._ends(xlm, "transformer.layer_norm_emb", alike)
        net = {"d_model": 8, "n_layer": 2, "n_head": 2, "d_inner": 8, "vocab_size": 30}
        with pytest.raises(PointError, match="xlnet are .length, n"):
            self._ends(_classifier(XLNetConfig(**net)), "transformer.layer.1", alike)
        t5 = {"d_model": 8, "d_kv": 4, "d_ff": 8, "num_layers": 2, "num_heads": 2}
        t5_like = _classifier(
            T5Config(**t5, vocab_size=30, eos_token_id=29, decoder_start_token_id=0)
        )
        ids = alike["input_ids"].index_fill(1, torch.tensor([6]), 29)
        with pytest.raises(PointError, match="an encoder and a decoder"):
            self._ends(t5_like, "transformer.encoder.block.1", {"input_ids": ids})


@pytest.mark.parametrize("reentrant", [True, False])
def test_gradient_checkpointing_changes_nothing_or_is_refused(reentrant: bool) -> None:
    def gradients(model: nn.Module, point: str) -> list[Tensor]:
        reading = logits_of(model.train(), [point])
        model.zero_grad()
        Method("mixup", classes=CLASSES)(reading, _text(), torch.arange(6) % 3).backward()
        return [weight.grad.clone() for weight in model.parameters()]

    still = {"hidden_dropout_prob": 0.0, "attention_probs_dropout_prob": 0.0}
    model = _bert(**still)
    points = ("bert.encoder", "bert.encoder.layer.1", "classifier")
    wanted = {point: gradients(model, point) for point in points}
    model.gradient_checkpointing_enable({"use_reentrant": reentrant})
    for point in points:
        torch.testing.assert_close(gradients(model, point), wanted[point], rtol=0, atol=1e-7)
    with pytest.raises(PointError, match="activation checkpointing"):
        gradients(model, "bert.encoder.layer.1.attention")


class TestErrors:
    def test_of_token_ids(self) -> None:
        method = Method("mixup", classes=CLASSES)
        with pytest.raises(PointError, match=r"codes.*at=\['bert.encoder'\]"):
            method(logits_of(_bert()), _text(), torch.arange(6) % 3)

    def test_of_a_point_with_a_typo(self, tmp_path: Path) -> None:
        with pytest.raises(PointError, match="did you mean 'bert.encoder'"):
            logits_of(_bert(), ["bert.encodr"])
        with pytest.raises(PointError, match="did you mean 'bert.encoder'"):
            MixedTrainer(_bert(), _arguments(tmp_path), method=Method("mixup"), at=["bert.encodr"])

    def test_of_models_without_logits_for_rows(self) -> None:
        with pytest.raises(SettingError, match="BertModel returned .*last_hidden_state"):
            logits_of(_bert().bert)(_text())
        words = BertForMaskedLM(BertConfig(vocab_size=30, **TINY))
        with pytest.raises(SettingError, match=r"logits of shape \(6, 7, 30\)"):
            logits_of(words)(_text())

    def test_of_batches_without_labels(self, tmp_path: Path) -> None:
        arguments = _arguments(tmp_path, remove_unused_columns=False)
        data = Images(label="digit")
        trainer = MixedTrainer(_vit(), arguments, train_dataset=data, method=Method("mixup"))
        with pytest.raises(SettingError, match=r"label_names=\[...\]"):
            trainer.train()

    def test_of_smoothing_labels_twice(self, tmp_path: Path) -> None:
        arguments = _arguments(tmp_path, label_smoothing_factor=0.1)
        with pytest.raises(SettingError, match="label_smoothing_factor is 0.1"):
            MixedTrainer(_vit(), arguments, method=Method("mixup"))

    def test_of_a_loss_function_beside_a_method(self, tmp_path: Path) -> None:
        with pytest.raises(SettingError, match="compute_loss_func"):
            MixedTrainer(
                _vit(),
                _arguments(tmp_path),
                method=Method("mixup"),
                compute_loss_func=lambda *_, **__: None,
            )

    def test_of_a_second_pass_with_masks(self) -> None:
        method = Method("mixupe", classes=CLASSES, points=["bert.encoder"], fused=True)
        with pytest.raises(PointError, match="fused"):
            method(logits_of(_bert(), ["bert.encoder"]), _text(), torch.arange(6) % 3)

    def test_of_points_in_a_compiled_model(self) -> None:
        with pytest.raises(PointError, match=r"torch\.compile"):
            logits_of(torch.compile(_bert()), ["bert.encoder"])


@pytest.mark.slow
def test_two_processes_draw_for_themselves_and_resume(tmp_path: Path) -> None:
    """With BatchNorm, whose statistics processes share, and a method of two passes."""
    script = Path(__file__).parents[1] / "support" / "huggingface_ranks.py"
    command = ["-m", "torch.distributed.run", "--standalone", "--nproc_per_node=2", str(script)]
    done = subprocess.run(
        [sys.executable, *command, str(tmp_path)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    ranks = [torch.load(tmp_path / f"rank{rank}.pt") for rank in range(2)]
    for name, value in ranks[0]["weights"].items():
        assert torch.equal(value, ranks[1]["weights"][name])
        assert torch.equal(value, ranks[0]["resumed"][name])
    for rank in ranks:
        assert rank["losses"][0] == rank["losses"][1]
    assert ranks[0]["losses"][0] != ranks[1]["losses"][0]
