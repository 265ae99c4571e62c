"""Recurrent networks: a padded batch is its rows, one by one; a sequence is its pieces, one after another."""

import pytest
import torch

from assay.core.errors import ConfigError
from assay.networks.recurrent import KINDS, recurrent

ALL = [(kind, both) for kind in KINDS for both in (False, True)]


def batch(seed=0, rows=5, longest=9, width=6):
    generator = torch.Generator().manual_seed(seed)
    lengths = torch.tensor([longest, 1, 4, 7, 2])[:rows]
    mask = torch.arange(longest) < lengths[:, None]
    x = torch.randn(rows, longest, width, generator=generator)
    return torch.where(mask[..., None], x, torch.tensor(1e3)), mask  # padding that would show if it were read


@pytest.mark.parametrize(("kind", "both"), ALL)
def test_a_padded_batch_gives_what_each_row_gives_alone(kind, both):
    torch.manual_seed(0)
    network = recurrent(kind, 6, 8, layers=2, both=both).eval()
    x, mask = batch()
    features, same = network(x, mask)
    assert features.shape == (5, 9, 8)
    assert same is mask
    assert (features[~mask] == 0).all()
    for row, present in enumerate(mask):
        alone, _ = network(x[row : row + 1, present])
        torch.testing.assert_close(features[row, present], alone[0], rtol=0, atol=1e-6)


@pytest.mark.parametrize(("kind", "both"), ALL)
def test_places_outside_the_mask_are_passed_over_wherever_they_are(kind, both):
    torch.manual_seed(1)
    network = recurrent(kind, 6, 8, both=both).eval()
    x, _ = batch(seed=1)
    mask = torch.rand(5, 9, generator=torch.Generator().manual_seed(2)) < 0.5
    mask[:, 8] = True
    mask[0, :4] = False  # padded on the left
    features, _ = network(x, mask)
    for row, present in enumerate(mask):
        alone, _ = network(x[row : row + 1, present])
        torch.testing.assert_close(features[row, present], alone[0], rtol=0, atol=1e-6)


@pytest.mark.parametrize("kind", ["gru", "lstm"])
def test_both_directions_are_those_of_pytorchs_packed_sequences(kind):
    from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

    torch.manual_seed(2)
    network = recurrent(kind, 6, 8, both=True).eval()
    theirs = KINDS[kind](6, 4, batch_first=True, bidirectional=True)
    for name, weight in theirs.named_parameters():
        cell = network.layers[0][1 if name.endswith("_reverse") else 0]
        weight.data.copy_(getattr(cell, name.removesuffix("_reverse")))
    x, mask = batch()
    packed = pack_padded_sequence(x, mask.sum(1), batch_first=True, enforce_sorted=False)
    expected, _ = pad_packed_sequence(theirs(packed)[0], batch_first=True)
    torch.testing.assert_close(network(x, mask)[0], expected, rtol=0, atol=1e-6)


@pytest.mark.parametrize("kind", KINDS)
def test_no_gradient_comes_from_padding(kind):
    torch.manual_seed(3)
    network = recurrent(kind, 6, 8, both=True)
    x, mask = batch()
    x.requires_grad_()
    network(x, mask)[0].square().sum().backward()
    assert (x.grad[~mask] == 0).all()
    assert (x.grad[mask] != 0).any(dim=1).all()


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("layers", [1, 2])
def test_a_sequence_is_its_pieces_one_after_another(kind, layers):
    torch.manual_seed(4)
    network = recurrent(kind, 6, 8, layers=layers).eval()
    x, _ = batch()
    whole, end = network.run(x, network.initial(5))
    torch.testing.assert_close(whole, network(x)[0])
    state, steps = network.initial(5), []
    for at in range(x.shape[1]):
        features, state = network.run(x[:, at : at + 1], state)
        steps.append(features)
    torch.testing.assert_close(torch.cat(steps, dim=1), whole, rtol=0, atol=1e-6)
    torch.testing.assert_close(state, end, rtol=0, atol=1e-6)
    rows = torch.tensor([3, 0])  # a state can be taken apart by row, as beams are
    torch.testing.assert_close(network.run(x[rows, :2], end[rows])[0], network.run(x[:, :2], end)[0][rows])


def test_what_comes_later_does_not_change_what_came_before_in_one_direction_only():
    torch.manual_seed(5)
    x, _ = batch()
    changed = x.clone()
    changed[0, -1] += 1
    for both in (False, True):
        network = recurrent("article-gru", 6, 8, both=both).eval()
        same = torch.equal(network(x)[0][0, :-1], network(changed)[0][0, :-1])
        assert same is not both


def test_wrong_use_is_refused():
    with pytest.raises(ConfigError, match='Did you mean "lstm"'):
        recurrent("lsmt", 4, 4)
    with pytest.raises(ValueError, match="two directions"):
        recurrent("gru", 4, 5, both=True)
    network = recurrent("gru", 4, 4, both=True)
    with pytest.raises(ValueError, match="both directions"):
        network.run(torch.zeros(1, 2, 4), network.initial(1))
