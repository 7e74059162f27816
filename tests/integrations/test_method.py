"""`Method`: the loss that a loop of one's own would get of the objective itself."""

from __future__ import annotations

import copy
import io
import pickle
import warnings

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from mixup_multi import BetaShare, MixupE, Vicinal, door, staged
from mixup_multi.batch import Batch
from mixup_multi.errors import PointError, SettingError
from mixup_multi.integrations import Method
from mixup_multi.integrations.loop.method import description
from mixup_multi.streams import stream

CLASSES = 3


def network(width: int = 4, out: int = CLASSES) -> nn.Module:
    torch.manual_seed(0)
    chain = nn.Sequential(nn.Linear(width, 8), nn.ReLU(inplace=True), nn.Linear(8, out))
    return staged(chain, at=["2"]).double()


def examples(n: int = 10) -> tuple[Tensor, Tensor]:
    generator = stream(1, "order")
    x = torch.randn(n, 4, dtype=torch.float64, generator=generator)
    return x, torch.randint(CLASSES, (n,), generator=generator)


def gradients(model: nn.Module, loss: Tensor) -> list[Tensor]:
    return list(torch.autograd.grad(loss, list(model.parameters())))


def equal(model: nn.Module, one: Tensor, other: Tensor) -> None:
    assert torch.equal(one, other)
    for ours, theirs in zip(gradients(model, one), gradients(model, other), strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-12, atol=1e-15)


@pytest.mark.parametrize(
    ("name", "settings"),
    [("erm", {}), ("mixup", {"alpha": 0.0}), ("mixupe", {"alpha": 0.0}), ("cutmix", {"p": 0.0})],
)
def test_without_mixing_it_is_cross_entropy(name, settings):
    net = nn.Sequential(nn.Flatten(), nn.Linear(12, CLASSES)).double()
    x, y = torch.randn(10, 3, 2, 2, dtype=torch.float64), examples()[1]
    ours = Method(name, classes=CLASSES, **settings)(net, x, y)
    torch.testing.assert_close(ours, functional.cross_entropy(net(x), y), rtol=1e-14, atol=0)


def test_erm_is_cross_entropy_to_the_bit_in_float32():
    x, y = examples()
    net = network().float()
    loss = Method("erm", classes=CLASSES)(net, x.float(), y)
    rows = functional.one_hot(y, CLASSES).float()
    assert torch.equal(loss, functional.cross_entropy(net(x.float()), rows))


@pytest.mark.parametrize("name", ["mixup", "manifold_mixup", "mixupe"])
def test_it_is_the_objective_with_the_same_stream(name):
    """Step by step: the generator goes on, and nothing else is drawn from."""
    model, (x, y) = network(), examples()
    method = Method(name, classes=CLASSES, alpha=0.7, seed=5)
    objective, generator = method.objective, stream(5, "mix")
    rows = functional.one_hot(y, CLASSES).float()
    before = torch.get_rng_state()
    for _ in range(4):
        ours = method(model, x, y)
        equal(model, ours, objective(model, Batch(x, rows), generator).total)
    assert torch.equal(before, torch.get_rng_state())


def test_an_objective_is_taken_as_it_is():
    model, (x, y) = network(), examples()
    objective = MixupE(Vicinal(BetaShare(0.4), points=("2",)), eta=2.0)
    by_name = Method("mixupe", classes=CLASSES, alpha=0.4, eta=2.0, points="2")
    equal(model, Method(objective, classes=CLASSES)(model, x, y), by_name(model, x, y))
    with pytest.raises(SettingError, match="alpha have no effect beside an objective"):
        Method(objective, alpha=0.2)
    with pytest.raises(SettingError, match="did you mean 'mixup'"):
        Method("mixpu")
    with pytest.raises(SettingError, match="did you mean 'alpha'"):
        Method("mixup", alhpa=1.0)


LABELS = {
    "indices": lambda y: y,
    "indices in int32": lambda y: y.int(),
    "one-hot rows": lambda y: functional.one_hot(y, CLASSES).double(),
    "one-hot rows of integers": lambda y: functional.one_hot(y, CLASSES),
}


@pytest.mark.parametrize("form", LABELS)
def test_labels_of_each_form_give_the_same_loss(form):
    model, (x, y) = network(), examples()
    method, again = (Method("erm", classes=CLASSES) for _ in range(2))
    torch.testing.assert_close(method(model, x, LABELS[form](y)), again(model, x, y))


def test_soft_labels_are_mixed_as_they_are():
    model, (x, _) = network(), examples()
    soft = torch.rand(len(x), CLASSES, dtype=torch.float64).softmax(1)
    method = Method("mixup", alpha=1.0)
    draw = method.objective.draw(soft, stream(0, "mix"))
    own = draw.mix.own
    mixed = own * x + (1 - own) * x[draw.mix.partner]
    rows = own * soft + (1 - own) * soft[draw.mix.partner]
    expected = functional.cross_entropy(model(mixed), rows)
    torch.testing.assert_close(method(model, x, soft), expected)


def test_numbers_may_be_given_without_a_column():
    model, (x, _) = network(out=1), examples()
    y = torch.randn(len(x), dtype=torch.float64)
    loss = Method("erm", loss="squared")(model, x, y)
    torch.testing.assert_close(2 * loss, functional.mse_loss(model(x)[:, 0], y))
    mixed, rows = (Method("mixup", loss="squared", seed=3) for _ in range(2))
    assert torch.equal(mixed(model, x, y), rows(model, x, y[:, None]))


def test_binary_and_multi_label_targets():
    x, _ = examples()
    one, three = network(out=1), network(out=3)
    y = torch.arange(len(x)) % 2
    binary = Method("erm", loss="sigmoid")(one, x, y)
    bce = functional.binary_cross_entropy_with_logits
    torch.testing.assert_close(binary, bce(one(x)[:, 0], y.double()))
    many = (torch.rand(len(x), 3) > 0.5).long()
    several = Method("erm", loss="sigmoid")(three, x, many)
    torch.testing.assert_close(several, 3 * bce(three(x), many.double()))


@pytest.mark.parametrize(
    ("labels", "settings", "message"),
    [
        (torch.tensor([1, 3, 2]), {"classes": 3}, "run from 1 to 3: expected class indices .* 2"),
        (torch.tensor([0, -100, 2]), {"classes": 3}, "from -100 to 2.*to be ignored"),
        (torch.tensor([0.0, 1.0, 2.0]), {"classes": 3}, r"float32: .*loss='squared'"),
        (torch.tensor([0, 1, 2]), {}, r"classes=c"),
        (torch.eye(3), {"classes": 4}, "expected 4 columns"),
        (torch.zeros(3, 2, 2), {"classes": 3}, r"\(3, 2, 2\): expected"),
        ([0, 1, 2], {"classes": 3}, "labels are a list: expected a tensor"),
        (torch.eye(2)[[0, 1, 1]], {}, r"the model returned \(3, 3\) for targets \(3, 2\)"),
    ],
)
def test_labels_that_do_not_fit_are_refused(labels, settings, message):
    with pytest.raises(SettingError, match=message):
        Method("mixup", **settings)(network(), examples(3)[0], labels)


def test_classes_that_have_no_meaning_are_refused():
    with pytest.raises(SettingError, match="of numbers, which have none"):
        Method("mixup", loss="squared", classes=3)
    with pytest.raises(SettingError, match="classes is 0"):
        Method("mixup", classes=0)


def test_a_model_that_returns_no_tensor_is_told_so():
    class Wrapped(nn.Module):
        def forward(self, x):
            return {"logits": x}

    with pytest.raises(SettingError, match="returned a dict: .*logits alone"):
        Method("mixupe", classes=3)(Wrapped(), torch.randn(2, 3), torch.tensor([0, 1]))


def test_a_point_that_is_not_offered_is_refused_before_the_first_step():
    with pytest.raises(PointError, match="'layer2'"):
        Method("mixup", classes=3, points="layer2")(network(), *examples())


@pytest.mark.parametrize("name", ["mixup", "layerwise"])
def test_resumed_is_uninterrupted(name):
    """Bit for bit, through a file that holds no code; `layerwise` remembers its last gradients."""
    settings = {"hidden": 0.1} if name == "layerwise" else {"alpha": 0.5}
    if name == "layerwise":
        settings |= {"points": "2", "eps": 0.1}

    def steps(method: Method, model: nn.Module, count: int) -> list[float]:
        optimizer = torch.optim.SGD(model.parameters(), 0.1)
        said = []
        for _ in range(count):
            optimizer.zero_grad()
            loss = method(model, *examples())
            loss.backward()
            optimizer.step()
            said.append(loss.item())
        return said

    whole = steps(Method(name, classes=CLASSES, **settings), network(), 6)
    method, model = Method(name, classes=CLASSES, **settings), network()
    first = steps(method, model, 3)
    buffer = io.BytesIO()
    torch.save({"model": model.state_dict(), "method": method.state_dict()}, buffer)
    kept = torch.load(io.BytesIO(buffer.getvalue()), weights_only=True)
    resumed, again = Method(name, classes=CLASSES, seed=9, **settings), network()
    again.load_state_dict(kept["model"])
    resumed.load_state_dict(kept["method"])
    assert first + steps(resumed, again, 3) == whole
    assert len(set(whole)) == 6


@pytest.mark.parametrize(
    "other", [Method("mixup", alpha=0.2), Method("mixupe"), Method(MixupE(Vicinal(BetaShare(1.0))))]
)
def test_a_state_of_another_method_is_remarked_upon(other):
    method = Method("mixup", classes=CLASSES, alpha=0.4)
    with pytest.warns(UserWarning, match=r"the state is that of .*, and this is mixup\(alpha=0\.4"):
        method.load_state_dict(other.state_dict())


def test_a_state_of_the_same_method_or_of_old_is_not_remarked_upon(recwarn):
    method = Method("mixup", classes=CLASSES, alpha=1.0)
    state = Method("mixup", seed=3).state_dict()  # alpha = 1 is the default
    method.load_state_dict(state)
    method.load_state_dict({name: state[name] for name in state if name != "method"})
    assert not recwarn.list


@pytest.mark.parametrize("name", sorted(door.names("objectives")))
def test_a_method_is_described_alike_each_time(name):
    try:
        twice = [description(name, {}) for _ in range(2)]
    except SettingError:  # it has settings without a default
        return
    assert twice[0] == twice[1]
    assert "0x" not in twice[0]


def test_it_shows_its_name_and_settings():
    method = Method("mixupe", classes=10, alpha=0.4)
    assert repr(method) == "Method('mixupe', alpha=0.4, classes=10, seed=0)"
    assert repr(Method(Vicinal())).startswith("Method(Vicinal(share=BetaShare(")


@pytest.mark.parametrize(("wrong", "right"), [("clases", "classes"), ("seeds", "seed")])
def test_a_misspelt_keyword_of_its_own_is_recognised(wrong, right):
    with pytest.raises(SettingError, match=f"unknown setting '{wrong}'; did you mean '{right}'"):
        Method("mixupe", **{wrong: 10})


def test_mixing_at_all_points_of_a_model_without_any_is_remarked_upon_once():
    method = Method("manifold_mixup", classes=CLASSES)
    with pytest.warns(UserWarning, match="offers only 'input'") as caught:
        method(nn.Linear(4, CLASSES).double(), *examples())
    assert caught[0].filename == __file__
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        method(nn.Linear(4, CLASSES).double(), *examples())


@pytest.mark.parametrize("name", ["mixup", "manifold_mixup"])
def test_nothing_is_remarked_where_points_are_as_asked(name, recwarn):
    model = nn.Linear(4, CLASSES).double() if name == "mixup" else network()
    Method(name, classes=CLASSES)(model, *examples())
    assert not recwarn.list


def test_a_strange_state_is_refused():
    with pytest.raises(SettingError, match="lacks seed, steps, generator, memory"):
        Method("mixup").load_state_dict({"epoch": 3})


def test_it_can_be_copied_and_pickled_in_the_middle():
    model, (x, y) = network(), examples()
    method = Method("mixup", classes=CLASSES)
    method(model, x, y)
    twins = [copy.deepcopy(method), pickle.loads(pickle.dumps(method))]
    expected = method(model, x, y)
    assert all(torch.equal(twin(model, x, y), expected) for twin in twins)


def test_what_is_kept_of_a_step_holds_no_graph():
    method = Method("mixupe", classes=CLASSES)
    loss = method(network(), *examples())
    assert loss.requires_grad
    assert not method.terms.total.requires_grad
    assert torch.equal(method.terms.total, loss)
    assert {"error", "regulariser", "etahat"} <= set(method.terms.means)


def test_a_record_is_the_mean_over_rows_and_begins_anew(monkeypatch):
    monkeypatch.setattr("mixup_multi.integrations.loop.averages.FOLDED", 2)
    model, method = network(), Method("mixupe", classes=CLASSES)
    x, y = examples(12)
    rows, said = [7, 3, 2], []
    for n in rows:
        method(model, x[:n], y[:n])
        said.append(method.terms)
    record = method.record()
    for name in ("error", "regulariser"):
        total = sum(n * float(terms.means[name]) for n, terms in zip(rows, said, strict=True))
        assert record[name] == pytest.approx(total / sum(rows), rel=1e-6)
    losses = sum(n * float(terms.total) for n, terms in zip(rows, said, strict=True))
    assert record["loss"] == pytest.approx(losses / sum(rows), rel=1e-12)
    clamped = sum(float(terms.counts["etahat_clamped"]) for terms in said)
    assert record["etahat_clamped"] == clamped
    assert method.record() == {}


def test_the_error_is_against_the_mixed_targets():
    """A model that says class 0 of everything misses the weight that the others have."""
    model = nn.Linear(4, CLASSES)
    nn.init.zeros_(model.weight)
    model.bias.data = torch.tensor([1.0, 0.0, 0.0])
    x, y = examples()
    method = Method("mixup", classes=CLASSES)
    method(model, x.float(), y)
    assert method.record()["error"] == pytest.approx(float((y != 0).float().mean()), abs=1e-6)


@pytest.mark.parametrize("name", ["mixup", "cutmix", "mixupe", "manifold_mixup"])
def test_half_precision_and_a_gradient_scaler(name):
    net = nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU(inplace=True), nn.Flatten(), nn.LazyLinear(3))
    x, y = torch.randn(6, 3, 5, 5), torch.arange(6) % 3
    net(x)
    model, method = staged(net, at=["1"]), Method(name, classes=3)
    if name == "cutmix":
        method = Method(name, classes=3, points="input")
    scaler = torch.amp.GradScaler("cpu", init_scale=64.0)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        loss = method(model, x, y)
    assert loss.dtype == torch.float32
    plain = [
        g.clone() for g in torch.autograd.grad(loss, list(net.parameters()), retain_graph=True)
    ]
    scaler.scale(loss).backward()
    for parameter, gradient in zip(net.parameters(), plain, strict=True):
        torch.testing.assert_close(parameter.grad / 64, gradient, rtol=0.02, atol=1e-4)


def test_labels_are_moved_to_the_inputs():
    model = network().to("meta")
    x, y = examples()
    loss = Method("mixup", classes=CLASSES)(model, x.to("meta"), y)
    assert loss.device.type == "meta"


def test_an_index_out_of_range_off_the_cpu_breaks_its_own_row_only():
    """There a look at it would wait for the device; NaN is seen, and kills no CUDA context."""
    from mixup_multi.integrations.loop.labels import targets_of

    meta = targets_of(torch.tensor([0, 7], device="meta"), "distribution", 3)
    assert (meta.device.type, meta.shape) == ("meta", (2, 3))


@pytest.mark.parametrize("name", ["erm", "mixup", "mixupe", "c_mixup"])
def test_one_column_is_refused_by_a_loss_over_classes(name):
    """Its softmax is 1 whatever the model says: a loss of 0 would train nothing, in silence."""
    settings = {"bandwidth": 1.0} if name == "c_mixup" else {}
    model, (x, y) = network(out=1), examples()
    numbers = y[:, None].double()
    for labels, classes in [(numbers, None), (y * 0, 1)]:
        with pytest.raises(SettingError, match="one column.*loss='squared'.*loss='sigmoid'"):
            Method(name, classes=classes, **settings)(model, x, labels)
    loss = Method(name, loss="squared", **settings)(model, x, numbers)
    assert any(bool(g.abs().max() > 0) for g in gradients(model, loss))


def test_rows_that_are_no_distributions_are_refused():
    model, (x, y) = network(), examples()
    several = torch.ones(len(x), CLASSES)
    for rows in (several, x[:, :CLASSES], several.int(), several * float("nan")):
        with pytest.raises(SettingError, match="do not sum to 1.*loss='sigmoid'.*loss='squared'"):
            Method("mixup")(model, x, rows)
    assert bool(Method("mixup", loss="sigmoid")(model, x, several) > 0)
    assert bool(Method("mixup", loss="squared")(model, x, x[:, :CLASSES]) > 0)
    soft = (4 * several * x[:, :CLASSES]).softmax(1)
    for dtype in (torch.float64, torch.bfloat16, torch.float16):
        assert bool(Method("mixup")(model, x, soft.to(dtype)).isfinite())
    equal(
        model,
        Method("erm")(model, x, functional.one_hot(y, CLASSES)),
        Method("erm", classes=3)(model, x, y),
    )


def test_batches_of_no_row_or_of_too_few_labels_are_refused():
    """Their loss would be NaN, or torch's message of sizes; at n = 1 they would be broadcast."""
    from mixup_multi.integrations import MixBatch
    from mixup_multi.integrations.timm import Mixup

    model, (x, y) = network(), examples()
    images = x.reshape(-1, 1, 2, 2)
    for name in ("erm", "mixup", "label_smoothing"):
        here = lambda x, y, name=name: Method(name, classes=CLASSES)(model, x, y)  # noqa: E731
        for mixed in (here, MixBatch(name, classes=CLASSES)):
            for labels in (y[:5], y[:1]):
                with pytest.raises(SettingError, match=r"shape \(10, 4\).*labels of [51] example"):
                    mixed(x, labels)
            with pytest.raises(SettingError, match="the batch is empty"):
                mixed(x[:0], y[:0])
    with pytest.raises(SettingError, match="labels of 5 examples"):
        Mixup(num_classes=CLASSES)(images, y[:5])
    with pytest.raises(PointError, match=r"\(10, 4\) cannot be mixed with the partners of 5 rows"):
        MixBatch("mixup", classes=CLASSES)({"x": x, 0: [x], 1: y[:5]})


class Residual(nn.Module):
    """A point beside a residual: what joins after it has the batch's own rows."""

    def __init__(self, joined: str) -> None:
        super().__init__()
        self.a, self.head = nn.Linear(4, 4), nn.Linear(4 if joined == "add" else 8, CLASSES)
        self.joined = joined

    def forward(self, x: Tensor) -> Tensor:
        a = self.a(x)
        hidden = {"add": lambda: a + x, "cat": lambda: torch.cat([a, x], 1)}[self.joined]()
        return self.head(hidden)


@pytest.mark.parametrize("joined", ["add", "cat"])
@pytest.mark.parametrize(
    ("name", "one", "two"),
    [
        ("regmixup", {"form": "released"}, {"form": "paper"}),
        ("mixupe", {"fused": True}, {"fused": False}),
    ],
)
def test_one_pass_at_a_point_beside_a_residual_is_refused(name, one, two, joined):
    model, (x, y) = staged(Residual(joined), at=["a", "head"]), examples()
    x = x.float()
    with pytest.raises(PointError, match=r"point a on.*form='paper'.*fused=False"):
        Method(name, classes=CLASSES, points="a", **one)(model, x, y)
    assert bool(Method(name, classes=CLASSES, points="a", **two)(model, x, y).isfinite())
    assert bool(Method(name, classes=CLASSES, points="head", **one)(model, x, y).isfinite())


def test_one_pass_through_a_model_that_loses_rows_is_refused():
    class First(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.head = nn.Linear(4, CLASSES)

        def forward(self, x: Tensor) -> Tensor:
            return self.head(x)[: len(x)]

    model, (x, y) = staged(First(), at=["head"]), examples()
    with pytest.raises(PointError, match="returned 10 rows for 10 examples"):
        Method("regmixup", classes=CLASSES, points="head", form="released")(model, x.float(), y)
