"""Points: what flows is replaced where it was asked for, once, and nothing stays behind."""

from __future__ import annotations

import pytest
import torch
from torch import nn
from torch.utils.checkpoint import checkpoint

from mixup_multi.batch import Batch
from mixup_multi.errors import PointError
from mixup_multi.objectives.presets.mixing import manifold_mixup
from mixup_multi.points import Edited, HasPoints, Staged, offered_points, run_edited, staged
from mixup_multi.streams import stream


def chain(points=None) -> Staged:
    torch.manual_seed(0)
    stages = {"input": nn.Linear(3, 4), "hidden": nn.Tanh(), "head": nn.Linear(4, 2)}
    return Staged(stages, points)


def double(flow: torch.Tensor) -> torch.Tensor:
    return 2 * flow


class Body(nn.Module):
    """Calls one submodule once with named arguments, one twice, one never."""

    def __init__(self) -> None:
        super().__init__()
        self.once, self.twice, self.never = nn.Linear(3, 3), nn.Linear(3, 3), nn.Linear(3, 3)

    def forward(self, x):
        return self.twice(self.twice(self.once(input=x)))


class Net(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.body, self.head = Body(), nn.Linear(3, 2)

    def forward(self, x):
        return self.head(self.body(x))


def hooks(module: nn.Module) -> int:
    return sum(len(part._forward_pre_hooks) for part in module.modules())


class Listed(Staged):
    """A stranger's model that names its points in a list."""

    def __init__(self) -> None:
        super().__init__(chain().stages)
        self.points = ["head", "hidden"]


def test_points_in_a_list_are_points_too():
    """Else the stranger's model would be mixed at its input, where it offers nothing."""
    net, x = Listed(), torch.randn(2, 3)
    assert offered_points(net) == ("head", "hidden")
    assert torch.equal(run_edited(net, x, {"head": double}), net(x, edits={"head": double}))
    with pytest.raises(PointError, match=r"'input'.*Known: head, hidden"):
        run_edited(net, x, {"input": double})


def test_a_chain_is_edited_at_the_entrance_of_a_stage():
    net, x = chain(), torch.randn(5, 3)
    first, tanh, head = net.stages.values()
    assert torch.equal(net(x), head(tanh(first(x))))
    assert torch.equal(net(x, edits={"input": double}), head(tanh(first(2 * x))))
    assert torch.equal(net(x, edits={"hidden": double}), head(tanh(2 * first(x))))
    both = net(x, edits={"head": double, "input": double})
    assert torch.equal(both, head(2 * tanh(first(2 * x))))


def test_a_chain_offers_its_stages_or_the_chosen_ones_preferred_first():
    assert offered_points(chain()) == ("input", "hidden", "head")
    assert offered_points(chain(["head", "input"])) == ("head", "input")
    assert isinstance(chain(), HasPoints)
    with pytest.raises(PointError, match=r"'heat'.*did you mean 'head'"):
        chain(["heat"])


def test_an_edit_at_a_point_that_is_not_offered_is_refused_with_the_nearest():
    with pytest.raises(PointError, match=r"'hiden'.*did you mean 'hidden'"):
        chain()(torch.ones(1, 3), edits={"hiden": double})
    with pytest.raises(PointError, match="Known: head, input"):
        chain(["head", "input"])(torch.ones(1, 3), edits={"hidden": double})


def test_a_plain_module_is_edited_at_its_input_only():
    net, x = nn.Linear(3, 2), torch.randn(4, 3)
    assert offered_points(net) == ("input",)
    assert torch.equal(run_edited(net, x, {"input": double}), net(2 * x))
    with pytest.raises(PointError, match=r"does not offer. Known: input"):
        run_edited(net, x, {"readout": double})


def test_any_module_gets_points_with_its_own_parameters():
    net, x = Net(), torch.randn(4, 3)
    pointed = staged(net, at=["body.once", "head"])
    assert offered_points(pointed) == ("input", "body.once", "head")
    assert {id(p) for p in pointed.parameters()} == {id(p) for p in net.parameters()}
    assert torch.equal(pointed(x), net(x))
    assert torch.equal(pointed(x, edits={"input": double}), net(2 * x))
    assert torch.equal(pointed(x, edits={"head": double}), net.head(2 * net.body(x)))


def test_a_submodule_called_with_named_arguments_is_edited():
    net, x = Net(), torch.randn(4, 3)
    edited = staged(net, at=["body.once"])(x, edits={"body.once": double})
    assert torch.equal(edited, net(2 * x))


class Scaling(nn.Module):
    def forward(self, x, scale):
        return x * scale


class Scaled(nn.Module):
    """Names all arguments, the scale before what is scaled."""

    def __init__(self, inner: nn.Module) -> None:
        super().__init__()
        self.inner = inner

    def forward(self, x):
        return self.inner(scale=torch.full_like(x, 3), x=x)


def test_what_is_edited_is_the_first_parameter_in_whatever_order_it_is_named():
    """Else the scale would be mixed, what flows would not, and the labels would."""
    x = torch.randn(4, 3)
    edited = staged(Scaled(Scaling()), at=["inner"])(x, edits={"inner": torch.zeros_like})
    assert torch.equal(edited, torch.zeros(4, 3))
    plus_one = staged(Scaled(Scaling()), at=["inner"])(x, edits={"inner": lambda flow: flow + 1})
    assert torch.equal(plus_one, 3 * (x + 1))


def test_named_arguments_in_no_order_are_refused():
    class Anything(Scaling):
        def forward(self, **named):
            return super().forward(**named)

    pointed = staged(Scaled(Anything()), at=["inner"])
    with pytest.raises(PointError, match="Anything is called with scale, x, .* comes first"):
        pointed(torch.randn(4, 3), edits={"inner": double})


class Checkpointed(nn.Module):
    def __init__(self, **how) -> None:
        super().__init__()
        self.first, self.body, self.head = nn.Linear(3, 3), nn.Linear(3, 3), nn.Linear(3, 2)
        self.how = how

    def forward(self, x):
        hidden = self.first(x)
        if self.how:
            return self.head(checkpoint(self._segment, hidden, **self.how))
        return self.head(self._segment(hidden))

    def _segment(self, hidden):
        return self.body(hidden.tanh()).tanh()


@pytest.mark.filterwarnings("ignore:None of the inputs have requires_grad")
@pytest.mark.parametrize("reentrant", [True, False])
def test_a_point_within_a_checkpointed_segment_is_refused(reentrant):
    """The backward pass runs the segment again, un-mixed: gradients would be of another loss."""
    net, x = Checkpointed(use_reentrant=reentrant), torch.randn(4, 3)
    pointed = staged(net, at=["body", "head"])
    with pytest.raises(PointError, match="'body' runs within a segment of activation checkpoint"):
        pointed(x, edits={"body": double})
    assert hooks(pointed) == 0
    with torch.no_grad():  # nothing is run again
        assert torch.equal(pointed(x, edits={"body": double}), _plain(net)(x, {"body": double}))


@pytest.mark.parametrize("reentrant", [True, False])
@pytest.mark.parametrize("name", ["input", "head"])
def test_a_point_between_checkpointed_segments_has_its_gradients(name, reentrant):
    net, x = Checkpointed(use_reentrant=reentrant), torch.randn(4, 3)
    wanted = _gradients(_plain(net), x, name)
    got = _gradients(staged(net, at=["head"]), x, name)
    assert all(torch.equal(one, other) for one, other in zip(got, wanted, strict=True))


@pytest.mark.parametrize("reentrant", [True, False])
def test_a_segment_that_holds_the_whole_model_runs_again_with_its_edits(reentrant):
    net, x = Checkpointed(), torch.randn(4, 3, requires_grad=True)
    pointed = staged(net, at=["body"])

    class Whole(nn.Module):
        def forward(self, x, edits):
            return checkpoint(pointed, x, edits, use_reentrant=reentrant)

    assert _gradients(Whole(), x, "body", net)[2].equal(_gradients(pointed, x, "body", net)[2])


def _plain(net: Checkpointed) -> nn.Module:
    """The same weights, without checkpoints."""
    plain = Checkpointed()
    plain.load_state_dict(net.state_dict())
    return staged(plain, at=["body", "head"])


def _gradients(model: nn.Module, x: torch.Tensor, name: str, of: nn.Module | None = None):
    (of or model).zero_grad()
    model(x, edits={name: double}).square().sum().backward()
    return [weight.grad.clone() for weight in (of or model).parameters()]


@pytest.mark.parametrize(("name", "times"), [("body.twice", 2), ("body.never", 0)])
def test_a_submodule_that_does_not_run_once_is_refused(name, times):
    pointed = staged(Net(), at=[name])
    with pytest.raises(PointError, match=f"'{name}' ran {times} times .* exactly once"):
        pointed(torch.ones(2, 3), edits={name: double})
    assert hooks(pointed) == 0


def test_a_name_that_is_no_submodule_is_refused_with_the_nearest():
    with pytest.raises(PointError, match=r"'body.onse'.*did you mean 'body.once'"):
        staged(Net(), at=["body.onse"])


def test_naming_a_point_twice_or_the_input_offers_it_once():
    """Else a method that draws among all points would prefer it."""
    pointed = staged(Net(), at=["head", "input", "head"])
    assert offered_points(pointed) == ("input", "head")


def test_the_name_input_is_the_models_own_input_and_no_submodules():
    """Else token ids would be mixed where the submodule was meant."""

    class Named(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.input, self.head = nn.Linear(3, 3), nn.Linear(3, 2)

    for offered in (True, False):
        with pytest.raises(PointError, match=r"`at` names input, .* and no submodule"):
            staged(Named(), at=["input", "head"], input=offered)
    with pytest.raises(PointError, match="which input=False withholds"):
        staged(Net(), at=["input"], input=False)
    assert offered_points(staged(Named(), at=["head"])) == ("input", "head")


def test_no_hook_survives_a_step_or_an_error():
    pointed = staged(Net(), at=["body.once", "head"])
    batch = Batch(torch.randn(4, 3), torch.eye(2)[[0, 1, 1, 0]])
    for step in range(5):
        manifold_mixup()(pointed, batch, stream(step, "mix")).total.backward()
        assert hooks(pointed) == 0

    def fail(flow):
        raise RuntimeError("in an edit")

    with pytest.raises(RuntimeError, match="in an edit"):
        pointed(batch.inputs, edits={"head": fail, "body.once": double})
    assert hooks(pointed) == 0


def test_a_torchvision_network_is_edited_between_its_layers():
    from torchvision.models import resnet18

    torch.manual_seed(0)
    net = resnet18(num_classes=5).eval()
    pointed, x = staged(net, at=["layer2", "layer4.1.conv2", "fc"]), torch.randn(2, 3, 32, 32)
    assert torch.equal(pointed(x), net(x))
    stem = net.maxpool(net.relu(net.bn1(net.conv1(x))))
    rest = net.layer4(net.layer3(net.layer2(2 * net.layer1(stem))))
    expected = net.fc(net.avgpool(rest).flatten(1))
    assert torch.equal(pointed(x, edits={"layer2": double}), expected)
    features = net.fc.register_forward_pre_hook(lambda _, args: (2 * args[0],))
    expected = net(x)
    features.remove()
    assert torch.equal(pointed(x, edits={"fc": double}), expected)
    assert not torch.equal(pointed(x, edits={"layer4.1.conv2": double}), net(x))
    assert hooks(pointed) == 0


def test_an_edited_model_makes_its_own_edit_before_those_that_are_asked_for(close):
    net, x = chain().double(), torch.randn(2, 3, dtype=torch.float64)
    always = Edited(net, "hidden", double)
    assert offered_points(always) == offered_points(net)
    close(always(x), net(x, edits={"hidden": double}))
    close(run_edited(always, x, {"head": torch.sin}), net(x, {"hidden": double, "head": torch.sin}))
    both = run_edited(always, x, {"hidden": torch.sin})
    close(both, net(x, edits={"hidden": lambda flow: torch.sin(2 * flow)}))
    close(Edited(nn.Tanh(), "input", double)(x), torch.tanh(2 * x))
    with pytest.raises(PointError, match="'hiden'"):
        Edited(net, "hiden", double)(x)
