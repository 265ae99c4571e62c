"""The article's GRU against its equations, written down in NumPy just as they are printed."""

import numpy as np
import pytest
import torch

from assay.networks._gru import recurrence
from assay.networks.recurrent import ArticleGRU


def sigmoid(a):
    return 1 / (1 + np.exp(-a))


def as_printed(x_TBD, h, W_z, W_r, W_h, b_z, b_r, b_h):
    """z_t, r_t, h̃_t and h_t of the article, for every row of a batch and every step."""
    states = []
    for x in x_TBD:
        both = np.concatenate([h, x], axis=1)
        z = sigmoid(both @ W_z.T + b_z)
        r = sigmoid(both @ W_r.T + b_r)
        candidate = np.tanh(np.concatenate([r * h, x], axis=1) @ W_h.T + b_h)
        h = (1 - z) * h + z * candidate
        states.append(h)
    return np.stack(states)


def printed_layer(x_TBD, start, gru, name):
    """One layer and direction of an `ArticleGRU`, through `as_printed`."""
    to = {key: value.detach().double().numpy() for key, value in gru.named_parameters()}
    H = gru.hidden_size
    hidden, inputs, bias = to[f"weight_hh_{name}"], to[f"weight_ih_{name}"], to[f"bias_{name}"]
    weights = [np.concatenate([hidden[at : at + H], inputs[at : at + H]], axis=1) for at in (0, H, 2 * H)]
    return as_printed(x_TBD, start, *weights, *(bias[at : at + H] for at in (0, H, 2 * H)))


@pytest.fixture
def rng():
    return np.random.default_rng(0)


def test_values_are_those_of_the_printed_equations(rng):
    torch.manual_seed(0)
    gru = ArticleGRU(5, 7).double()
    x, start = rng.normal(size=(11, 3, 5)) * 2, rng.normal(size=(3, 7))
    states, end = gru(torch.from_numpy(x), torch.from_numpy(start)[None])
    expected = printed_layer(x, start, gru, "l0")
    np.testing.assert_allclose(states.detach().numpy(), expected, rtol=0, atol=1e-10)
    np.testing.assert_allclose(end[0].detach().numpy(), expected[-1], rtol=0, atol=1e-10)


def test_layers_directions_and_batch_first_follow_the_printed_equations(rng):
    torch.manual_seed(1)
    gru = ArticleGRU(4, 3, 2, batch_first=True, bidirectional=True).double()
    x = rng.normal(size=(6, 5, 4))
    states, ends = gru(torch.from_numpy(x))
    below, zeros, last = x.transpose(1, 0, 2), np.zeros((6, 3)), []
    for layer in ("l0", "l1"):
        forward = printed_layer(below, zeros, gru, layer)
        backward = printed_layer(below[::-1], zeros, gru, f"{layer}_reverse")[::-1]
        last += [forward[-1], backward[0]]
        below = np.concatenate([forward, backward], axis=2)
    np.testing.assert_allclose(states.detach().numpy(), below.transpose(1, 0, 2), rtol=0, atol=1e-10)
    np.testing.assert_allclose(ends.detach().numpy(), np.stack(last), rtol=0, atol=1e-10)


def test_gradients_are_those_of_finite_differences():
    torch.manual_seed(2)
    shapes = ((4, 2, 3), (2, 5), (15, 3), (15, 5), (15,))
    arguments = [torch.randn(shape, dtype=torch.float64, requires_grad=True) for shape in shapes]
    assert torch.autograd.gradcheck(recurrence, arguments, eps=1e-6, atol=1e-8, rtol=1e-6)


def test_gradients_are_those_of_a_plain_loop_to_1e_10():
    torch.manual_seed(3)
    gru = ArticleGRU(6, 8).double()
    x = torch.randn(20, 4, 6, dtype=torch.float64, requires_grad=True)
    start = torch.randn(4, 8, dtype=torch.float64, requires_grad=True)
    weight = torch.randn(20, 4, 8, dtype=torch.float64)
    W, U, b = gru.weight_ih_l0, gru.weight_hh_l0, gru.bias_l0
    h, plain = start, []
    for step in x:
        z = torch.sigmoid(step @ W[:8].T + h @ U[:8].T + b[:8])
        r = torch.sigmoid(step @ W[8:16].T + h @ U[8:16].T + b[8:16])
        h = (1 - z) * h + z * torch.tanh(step @ W[16:].T + (r * h) @ U[16:].T + b[16:])
        plain.append(h)
    wanted = torch.autograd.grad((torch.stack(plain) * weight).sum(), (x, start, W, U, b))
    ours = torch.autograd.grad((gru(x, start[None])[0] * weight).sum(), (x, start, W, U, b))
    for one, other in zip(ours, wanted, strict=True):
        torch.testing.assert_close(one, other, rtol=0, atol=1e-10)


def test_a_gradient_of_the_last_state_alone_reaches_the_first_input():
    torch.manual_seed(4)
    gru = ArticleGRU(3, 4)
    x = torch.randn(6, 2, 3, requires_grad=True)
    gru(x)[1].sum().backward()
    assert (x.grad[0] != 0).all()
    x = x.detach()  # nothing before it needs a gradient: the weights still get theirs
    gru.zero_grad()
    gru(x)[0].sum().backward()
    assert all((weight.grad != 0).any() for weight in gru.parameters())


def test_it_is_another_function_than_the_gru_that_resets_after_the_product():
    torch.manual_seed(5)
    theirs, ours = torch.nn.GRU(3, 4), ArticleGRU(3, 4)
    with torch.no_grad():  # PyTorch's order is r, z, n, and its z weighs the old state
        order = torch.cat([torch.arange(4, 8), torch.arange(0, 4), torch.arange(8, 12)])
        sign = torch.tensor([-1.0] * 4 + [1.0] * 8)
        ours.weight_ih_l0.copy_(theirs.weight_ih_l0[order] * sign[:, None])
        ours.weight_hh_l0.copy_(theirs.weight_hh_l0[order] * sign[:, None])
        ours.bias_l0.copy_((theirs.bias_ih_l0 + theirs.bias_hh_l0)[order] * sign)
        theirs.bias_hh_l0[8:].zero_()
        ours.bias_l0[8:].copy_(theirs.bias_ih_l0[8:])
    x = torch.randn(5, 2, 3)
    first, second = theirs(x)[0], ours(x)[0]
    torch.testing.assert_close(first[0], second[0])  # from a state of zeros there is nothing to reset
    assert (first[4] - second[4]).abs().max() > 1e-3


def test_dropout_works_between_layers_and_only_in_training():
    torch.manual_seed(6)
    gru = ArticleGRU(3, 64, 2, dropout=0.5)
    x = torch.randn(4, 2, 3)
    assert (gru(x)[0] - gru(x)[0]).abs().max() > 1e-3
    gru.eval()
    torch.testing.assert_close(gru(x)[0], gru(x)[0], rtol=0, atol=0)
    single = ArticleGRU(3, 64, 1, dropout=0.5)
    torch.testing.assert_close(single(x)[0], single(x)[0], rtol=0, atol=0)


def test_second_derivatives_are_refused():
    gru = ArticleGRU(2, 3)
    x = torch.randn(3, 1, 2, requires_grad=True)
    (first,) = torch.autograd.grad(gru(x)[0].square().sum(), x, create_graph=True)
    with pytest.raises(RuntimeError, match="once_differentiable"):
        first.sum().backward()


def test_under_autocast_it_keeps_the_precision_of_its_weights():
    torch.manual_seed(7)
    gru = ArticleGRU(4, 5)
    x = torch.randn(6, 2, 4)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        states, _ = gru(x)
    assert states.dtype == torch.float32
    torch.testing.assert_close(states, gru(x)[0], rtol=0, atol=0)
    states.sum().backward()
    assert gru.weight_hh_l0.grad.dtype == torch.float32
