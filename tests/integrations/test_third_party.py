"""Other people's models, mixed at hidden points by name, and not edited for it."""

from __future__ import annotations

import copy
import io
import pickle

import pytest
import torch
from torch import Tensor, nn

from mixup_multi import staged
from mixup_multi.attacks.presets import fgsm
from mixup_multi.batch import Batch
from mixup_multi.errors import PointError
from mixup_multi.integrations import Method
from mixup_multi.objectives.losses import Softmax
from mixup_multi.points import bare, flow_at, offered_points

CLASSES = 5


def double(flow: Tensor) -> Tensor:
    return 2 * flow


def resnet() -> nn.Module:
    from torchvision.models import resnet18

    torch.manual_seed(0)
    return resnet18(num_classes=CLASSES).eval()


def run_resnet(net: nn.Module, x: Tensor, at: str) -> Tensor:
    """Return torchvision's forward pass by hand, with what flows into `at` doubled."""
    flow = net.maxpool(net.relu(net.bn1(net.conv1(x))))
    for name in ("layer1", "layer2", "layer3", "layer4"):
        flow = net.get_submodule(name)(double(flow) if name == at else flow)
    flow = net.avgpool(double(flow) if at == "avgpool" else flow).flatten(1)
    return net.fc(double(flow) if at == "fc" else flow)


@pytest.mark.parametrize("at", ["layer1", "layer2", "layer3", "layer4", "avgpool", "fc"])
def test_a_torchvision_resnet_is_edited_at_each_point(at):
    net, x = resnet(), torch.randn(2, 3, 32, 32)
    pointed = staged(net, at=[at])
    assert torch.equal(pointed(x, edits={at: double}), run_resnet(net, x, at))
    assert torch.equal(pointed(x), net(x))


def vit() -> nn.Module:
    import timm

    torch.manual_seed(0)
    settings = {"img_size": 16, "patch_size": 8, "embed_dim": 16, "depth": 3, "num_heads": 2}
    return timm.models.VisionTransformer(num_classes=CLASSES, **settings).eval()


@pytest.mark.parametrize("block", [0, 1, 2])
def test_a_timm_vision_transformer_is_edited_between_blocks(block):
    net, x = vit(), torch.randn(2, 3, 16, 16)
    flow = net.norm_pre(net.patch_drop(net._pos_embed(net.patch_embed(x))))
    for number, layer in enumerate(net.blocks):
        flow = layer(double(flow) if number == block else flow)
    expected = net.forward_head(net.norm(flow))
    point = f"blocks.{block}"
    torch.testing.assert_close(staged(net, at=[point])(x, edits={point: double}), expected)


class Reader(nn.Module):
    """Reads token ids by PyTorch's own encoder."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.embedding = nn.Embedding(20, 8)
        layer = nn.TransformerEncoderLayer(8, 2, 16, dropout=0.0, batch_first=True)
        self.encoder = nn.TransformerEncoder(layer, 2)
        self.head = nn.Linear(8, CLASSES)

    def forward(self, ids: Tensor) -> Tensor:
        return self.head(self.encoder(self.embedding(ids), mask=None).mean(1))


@pytest.mark.parametrize("point", ["encoder", "encoder.layers.1", "head"])
def test_a_transformer_encoder_of_token_ids_is_mixed_within(point):
    net, ids = Reader(), torch.randint(20, (4, 6))
    flow = net.embedding(ids)
    if point == "encoder":
        flow = double(flow)
    first, second = net.encoder.layers
    flow = first(flow)
    flow = second(double(flow) if point == "encoder.layers.1" else flow).mean(1)
    expected = net.head(double(flow) if point == "head" else flow)
    pointed = staged(net, at=[point], input=False)
    torch.testing.assert_close(pointed(ids, edits={point: double}), expected)
    assert offered_points(pointed) == (point,)
    loss = Method("mixup", classes=CLASSES)(pointed, ids, torch.arange(4))
    assert loss.requires_grad
    with pytest.raises(PointError, match="int64 cannot be mixed"):
        Method("mixup", classes=CLASSES)(staged(net, at=[point]), ids, torch.arange(4))


class Logits(nn.Module):
    """A Hugging Face classifier that returns its logits alone."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model = model

    def forward(self, inputs: dict[str, Tensor]) -> Tensor:
        return self.model(**inputs).logits


def test_a_hugging_face_model_is_mixed_within():
    from transformers import BertConfig, BertForSequenceClassification

    sizes = {"hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2}
    config = BertConfig(
        vocab_size=20, intermediate_size=16, max_position_embeddings=8, num_labels=3, **sizes
    )
    torch.manual_seed(0)
    bert = BertForSequenceClassification(config).eval()
    model = staged(Logits(bert), at=["model.bert.encoder", "model.classifier"], input=False)
    inputs = {"input_ids": torch.randint(20, (4, 6)), "attention_mask": torch.ones(4, 6).long()}
    pooled = bert.bert(**inputs).pooler_output
    edited = model(inputs, edits={"model.classifier": double})
    torch.testing.assert_close(edited, bert.classifier(double(pooled)))
    for name in ("mixup", "mixupe", "mixupe_exact", "manifold_mixup"):
        loss = Method(name, classes=3)(model, inputs, torch.tensor([0, 1, 2, 0]))
        gradients = torch.autograd.grad(loss, list(bert.parameters()), allow_unused=True)
        assert all(g is None or bool(torch.isfinite(g).all()) for g in gradients)


MODELS = {
    "resnet18": (resnet, (3, 32, 32), ["layer1", "layer3", "fc"]),
    "vit": (vit, (3, 16, 16), ["blocks.0", "blocks.2", "head"]),
}


@pytest.mark.parametrize("method", ["mixup", "mixupe", "mixupe_exact"])
@pytest.mark.parametrize("name", MODELS)
def test_fast_and_exact_mixupe_have_finite_gradients_at_hidden_points(name, method):
    make, shape, points = MODELS[name]
    net = make().train()
    x, y = torch.randn(4, *shape), torch.arange(4) % CLASSES
    for point in points:
        net.zero_grad()
        Method(method, classes=CLASSES, points=point)(staged(net, at=points), x, y).backward()
        gradients = [p.grad for p in net.parameters()]
        assert all(bool(torch.isfinite(g).all()) for g in gradients if g is not None)
        # What comes after the point has gradients of both passes.
        assert gradients[-1] is not None
        assert float(gradients[-1].abs().max()) > 0


def test_a_mistyped_point_is_answered_with_the_nearest():
    with pytest.raises(PointError, match=r"'layer22'.*did you mean 'layer2'"):
        staged(resnet(), at=["layer22"])
    with pytest.raises(PointError, match=r"'blocks.9'.*did you mean 'blocks.[0-2]'"):
        staged(vit(), at=["blocks.9"])
    with pytest.raises(PointError, match="there is no submodule ''"):
        staged(resnet(), at=[""])
    with pytest.raises(PointError, match="offers no point: expected names in `at`"):
        staged(resnet(), input=False)


def test_the_relu_that_a_block_runs_twice_is_refused():
    pointed = staged(resnet(), at=["layer1.0.relu"])
    with pytest.raises(PointError, match="'layer1.0.relu' ran 2 times"):
        pointed(torch.randn(2, 3, 32, 32), edits={"layer1.0.relu": double})


class InPlace(nn.Module):
    """The point `act` is in front of a layer that works in place."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.first, self.act, self.head = nn.Linear(4, 6), nn.ReLU(inplace=True), nn.Linear(6, 3)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.act(self.first(x)))


def test_what_flows_is_shown_as_it_was_before_a_layer_worked_in_place():
    net, x = InPlace(), torch.randn(5, 4)
    seen = flow_at(staged(net, at=["act"]), x, "act")
    assert torch.equal(seen, net.first(x))
    assert float(seen.min()) < 0


def test_an_attack_in_front_of_an_in_place_layer_is_the_attack_behind_a_copy():
    net, x = InPlace(), torch.randn(5, 4)
    apart = copy.deepcopy(net)
    apart.act = nn.ReLU()
    batch = Batch(x, torch.eye(3)[torch.arange(5) % 3])
    attack = fgsm(eps=0.5, point="act")
    said = [
        model(under.inputs)
        for model, under in (
            attack.perturb(staged(one, at=["act"]), batch, None, 0, Softmax())
            for one in (net, apart)
        )
    ]
    assert torch.equal(*said)
    assert not torch.equal(said[0], net(x))


@pytest.mark.parametrize(
    "name", ["mixup", "mixupe", "mixupe_exact", "batchout", "varmixup_readout"]
)
def test_methods_do_not_mind_layers_that_work_in_place(name):
    net, x, y = InPlace().double(), torch.randn(6, 4).double(), torch.arange(6) % 3
    apart = copy.deepcopy(net)
    apart.act = nn.ReLU()
    found = []
    for one in (net, apart):
        loss = Method(name, classes=3, points="act")(staged(one, at=["act"]), x, y)
        found.append((loss, *torch.autograd.grad(loss, list(one.parameters()))))
    for ours, theirs in zip(*found, strict=True):
        assert torch.equal(ours, theirs)


def test_copies_and_pickles_offer_the_same_points():
    pointed, x = staged(InPlace(), at=["head"]), torch.randn(3, 4)
    buffer = io.BytesIO()
    torch.save(pointed, buffer)
    loaded = torch.load(io.BytesIO(buffer.getvalue()), weights_only=False)
    for twin in (copy.deepcopy(pointed), pickle.loads(pickle.dumps(pointed)), loaded):
        assert offered_points(twin) == ("input", "head")
        edits = {"head": double}
        assert torch.equal(twin(x, edits=edits), pointed(x, edits=edits))


def test_weights_are_loaded_before_and_saved_after_under_the_models_own_names():
    pretrained, net = resnet().state_dict(), resnet()
    pointed = staged(net, at=["layer2"])
    assert pointed.module is net
    pointed.module.load_state_dict(pretrained)
    assert pointed.module.state_dict().keys() == pretrained.keys()
    assert list(pointed.state_dict()) == [f"module.{name}" for name in pretrained]


class Chain(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.a, self.b, self.head = nn.Linear(4, 8), nn.Linear(8, 8), nn.Linear(8, 3)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(torch.relu(self.b(torch.relu(self.a(x)))))


@pytest.mark.filterwarnings("ignore::UserWarning")
def test_a_compiled_model_is_mixed_at_every_point_as_it_is_uncompiled():
    """Points alternate, which compiled code that forgot its hooks would not notice."""
    net = staged(Chain(), at=["b", "head"])
    compiled = torch.compile(net, backend="eager")
    x, y = torch.randn(6, 4), torch.arange(6) % 3
    ours, theirs = (Method("mixupe", classes=3, points="all") for _ in range(2))
    points = set()
    for _ in range(10):
        one, other = ours(compiled, x, y), theirs(net, x, y)
        torch.testing.assert_close(one, other)
        torch.testing.assert_close(compiled(x), net(x))
        points.add(float(one))
    assert len(points) == 10
    assert bare(compiled) is net
    assert offered_points(compiled) == ("input", "b", "head")


def test_a_model_in_data_parallel_keeps_its_points_where_nothing_is_split():
    net = staged(Chain(), at=["b"])
    parallel, x = nn.DataParallel(net), torch.randn(4, 4)
    assert offered_points(parallel) == ("input", "b")
    assert bare(parallel) is net
    ours, theirs = (Method("mixup", classes=3, points="b") for _ in range(2))
    y = torch.arange(4) % 3
    if len(parallel.device_ids) < 2:
        assert torch.equal(ours(parallel, x, y), theirs(net, x, y))
    parallel.device_ids = [0, 1]
    with pytest.raises(PointError, match=r"splits a batch over 2 devices.*DistributedDataParallel"):
        ours(parallel, x, y)
