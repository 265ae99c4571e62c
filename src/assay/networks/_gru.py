"""The GRU whose reset gate acts before the candidate's product, with a backward pass of its own.

    z = σ(W_z·[h, x] + b_z)      r = σ(W_r·[h, x] + b_r)      h̃ = tanh(W_h·[r ⊙ h, x] + b_h)      h' = (1 − z) ⊙ h + z ⊙ h̃

These are the equations of Cho et al., Learning Phrase Representations using RNN Encoder–Decoder (2014, arXiv:1406.1078),
but for the role of z, which is that of Chung et al. (2014, arXiv:1412.3555). cuDNN and `torch.nn.GRU` reset *after* the
product and exchange z and 1 − z: another function, not another spelling.

**Why it is fast.** All that does not wait for the state is one product over the whole sequence: ``x`` by its weights
before the loop, the gradients of all weights and of ``x`` after it. What is left in a step is two products and four
element-wise operations, in place on buffers that are contiguous in time; and the backward pass holds the local slopes
ready, for all steps at once, so that its loop only multiplies. Autograd's own way through a plain loop adds up each
weight's gradient T times and takes twice as long (``benchmarks/gru_speed.py``).

Legend: T steps, B batch, D inputs, H hidden.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable


def recurrence(x: Tensor, start: Tensor, weight_x: Tensor, weight_h: Tensor, bias: Tensor) -> Tensor:
    """The states ``[T, B, H]`` of one layer after every step. Differentiable once.

    Args:
        x: inputs ``[T, B, D]``, T ≥ 1.
        start: the state before the first step, ``[B, H]``.
        weight_x: what multiplies x, for z, r and h̃ in this order, ``[3H, D]``.
        weight_h: what multiplies h (for z and r) and r ⊙ h (for h̃), ``[3H, H]``.
        bias: ``[3H]``.

    >>> zeros = torch.zeros
    >>> recurrence(zeros(2, 1, 1), torch.ones(1, 1), zeros(3, 1), zeros(3, 1), zeros(3)).flatten()  # z = ½, h̃ = 0
    tensor([0.5000, 0.2500])
    """
    return _Recurrence.apply(x, start, weight_x, weight_h, bias)  # type: ignore[no-any-return, no-untyped-call]


class _Recurrence(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, start: Tensor, weight_x: Tensor, weight_h: Tensor, bias: Tensor) -> Tensor:
        steps, batch, inputs = x.shape
        hidden = start.shape[1]
        gates = torch.addmm(bias, x.reshape(-1, inputs), weight_x.t()).view(steps, batch, 3 * hidden)
        states = x.new_empty(steps + 1, batch, hidden)
        states[0] = start
        kept = x.new_empty(steps, batch, hidden)  # r ⊙ h
        into_gates, into_candidate = weight_h[: 2 * hidden].t(), weight_h[2 * hidden :].t()
        z, r, candidate = (part.unbind() for part in gates.chunk(3, dim=2))
        both = gates[:, :, : 2 * hidden].unbind()
        h, rh = states.unbind(), kept.unbind()
        for t in range(steps):
            both[t].addmm_(h[t], into_gates).sigmoid_()
            torch.mul(r[t], h[t], out=rh[t])
            candidate[t].addmm_(rh[t], into_candidate).tanh_()
            torch.lerp(h[t], candidate[t], z[t], out=h[t + 1])
        ctx.save_for_backward(x, weight_x, weight_h, gates, states, kept)
        return states[1:]

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        x, weight_x, weight_h, gates, states, kept = ctx.saved_tensors
        steps, batch, inputs = x.shape
        hidden = states.shape[2]
        z, r, candidate = gates.chunk(3, dim=2)
        before, stays = states[:-1], 1 - z
        # `d` begins as the slope of h' by the sum of z, of r ⊙ h by that of r, of h' by that of h̃; it ends as the gradient.
        d = torch.empty_like(gates)
        dz, dr, dc = d.chunk(3, dim=2)
        torch.mul((candidate - before).mul_(z), stays, out=dz)
        torch.mul((1 - r).mul_(r), before, out=dr)
        torch.mul((candidate * candidate).neg_().add_(1), z, out=dc)
        from_gates, from_candidate = weight_h[: 2 * hidden], weight_h[2 * hidden :]
        both = d[:, :, : 2 * hidden].unbind()
        dz_, dr_, dc_, r_, stays_ = dz.unbind(), dr.unbind(), dc.unbind(), r.unbind(), stays.unbind()
        from_above = (torch.zeros_like(states[0]), *gradient.contiguous().unbind())
        dh, other, drh = from_above[steps].clone(), torch.empty_like(states[0]), torch.empty_like(states[0])
        for t in range(steps - 1, -1, -1):
            dz_[t].mul_(dh)
            dc_[t].mul_(dh)
            torch.mm(dc_[t], from_candidate, out=drh)
            dr_[t].mul_(drh)
            torch.addcmul(from_above[t], dh, stays_[t], out=other)
            other.addcmul_(drh, r_[t]).addmm_(both[t], from_gates)
            dh, other = other, dh
        flat = d.view(-1, 3 * hidden)
        needs = ctx.needs_input_grad
        dx = (flat @ weight_x).view(steps, batch, inputs) if needs[0] else None
        dweight_x = flat.t() @ x.reshape(-1, inputs) if needs[2] else None
        dweight_h = None
        if needs[3]:
            dweight_h = torch.empty_like(weight_h)
            torch.mm(flat[:, : 2 * hidden].t(), before.reshape(-1, hidden), out=dweight_h[: 2 * hidden])
            torch.mm(flat[:, 2 * hidden :].t(), kept.view(-1, hidden), out=dweight_h[2 * hidden :])
        return dx, dh, dweight_x, dweight_h, flat.sum(0) if needs[4] else None
