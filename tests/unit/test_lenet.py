"""The fast LeNet against the one of the article, written out layer by layer."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from assay.core.errors import ConfigError
from assay.core.model import BodyAndHead
from assay.networks.heads import pooled
from assay.networks.lenet import lenet


class Literal(nn.Module):
    """The network as the article prints it, for any channels and sides."""

    def __init__(self, channels: int, flat: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(channels, 6, 5)
        self.pool = nn.MaxPool2d(2, 2)
        self.conv2 = nn.Conv2d(6, 16, 5)
        self.fc1 = nn.Linear(flat, 120)
        self.fc2 = nn.Linear(120, 84)
        self.fc3 = nn.Linear(84, 10)

    def forward(self, x: Tensor) -> Tensor:
        x = self.pool(functional.relu(self.conv1(x)))
        x = self.pool(functional.relu(self.conv2(x)))
        x = x.reshape(len(x), -1)
        x = functional.relu(self.fc1(x))
        x = functional.relu(self.fc2(x))
        return self.fc3(x)


def both(channels: int, height: int, width: int) -> tuple[Literal, BodyAndHead]:
    """The literal network and ours with the same weights."""
    torch.manual_seed(0)
    ours = BodyAndHead(lenet(channels, height, width), pooled(84, 10))
    literal = Literal(channels, ours.body.fc1.in_features)
    names = [name.replace("head.linear", "fc3").removeprefix("body.") for name in ours.state_dict()]
    literal.load_state_dict(dict(zip(names, ours.state_dict().values(), strict=True)))
    return literal, ours


def test_it_has_the_shapes_of_the_article_for_its_images() -> None:
    _, ours = both(3, 32, 32)
    shapes = [tuple(parameter.shape) for parameter in ours.parameters()]
    assert shapes == [(6, 3, 5, 5), (6,), (16, 6, 5, 5), (16,), (120, 400), (120,), (84, 120), (84,), (10, 84), (10,)]
    assert ours.body(torch.zeros(2, 3, 32, 32)).shape == (2, ours.body.features) == (2, 84)


@pytest.mark.parametrize("memory", [torch.contiguous_format, torch.channels_last])
@pytest.mark.parametrize(
    ("channels", "height", "width", "batch"), [(3, 32, 32, 100), (1, 28, 28, 7), (3, 16, 17, 4), (1, 45, 30, 1)]
)
def test_answers_and_every_gradient_are_those_of_the_literal_network(
    channels: int, height: int, width: int, batch: int, memory: torch.memory_format
) -> None:
    literal, ours = both(channels, height, width)
    generator = torch.Generator().manual_seed(1)
    x = torch.rand(batch, channels, height, width, generator=generator) * 2 - 1
    x[0] = 1.0  # a flat image: every pooling window is a tie
    y = torch.randint(0, 10, (batch,), generator=generator)
    theirs, mine = literal(x), ours(image=x.contiguous(memory_format=memory))
    torch.testing.assert_close(mine, theirs, rtol=0, atol=1e-5)
    functional.cross_entropy(theirs, y).backward()
    functional.cross_entropy(mine, y).backward()
    for (name, a), b in zip(literal.named_parameters(), ours.parameters(), strict=True):
        torch.testing.assert_close(b.grad, a.grad, rtol=0, atol=1e-5, msg=lambda text, name=name: f"{name}: {text}")
        assert a.grad.abs().max() > 1e-4, name


def test_it_learns_as_the_literal_network_does() -> None:
    literal, ours = both(3, 32, 32)
    generator = torch.Generator().manual_seed(2)
    data = [(torch.randn(50, 3, 32, 32, generator=generator), torch.arange(50) % 10) for _ in range(5)]
    losses = []
    for network, answer in ((literal, literal), (ours, lambda x: ours(image=x))):
        optimizer = torch.optim.SGD(network.parameters(), lr=0.01, momentum=0.9)
        for x, y in data * 2:
            optimizer.zero_grad()
            loss = functional.cross_entropy(answer(x), y)
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
    assert losses[10:] == pytest.approx(losses[:10], abs=1e-5)
    assert losses[9] != pytest.approx(losses[0], abs=1e-3)


def test_images_too_small_for_it_are_refused() -> None:
    assert lenet(3, 16, 16).fc1.in_features == 16
    with pytest.raises(ConfigError, match="16 × 16"):
        lenet(3, 15, 32)


def test_lower_precision_gives_nearly_the_same_gradients() -> None:
    _, ours = both(3, 32, 32)
    x, y = torch.randn(8, 3, 32, 32, generator=torch.Generator().manual_seed(3)), torch.arange(8)
    gradients = []
    for lower in (False, True):
        ours.zero_grad()
        with torch.autocast("cpu", dtype=torch.bfloat16, enabled=lower):
            loss = functional.cross_entropy(ours(image=x), y)
        loss.backward()
        gradients.append(torch.cat([parameter.grad.flatten() for parameter in ours.parameters()]))
    assert torch.nn.functional.cosine_similarity(*gradients, dim=0) > 0.98
