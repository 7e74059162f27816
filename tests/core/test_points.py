"""Points: what flows is replaced where it was asked for, once, and nothing stays behind."""

from __future__ import annotations

import pytest
import torch
from torch import nn

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
