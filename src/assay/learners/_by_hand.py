"""Updates of proximal policy optimisation whose gradient is worked out by hand: two perceptrons, one choice.

With 64 neurons a layer, autograd and the bookkeeping of an optimizer cost several times what the products do. Here a
whole update is some forty operations on tensors, and its figures are those of `assay.learners._ppo` to rounding.

Legend: B batch, A actions, D numbers observed, F features.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.optim import AdamW, Optimizer

from assay.learners._rollout import Rollout
from assay.learners.run import Run
from assay.networks.policy import Perceptrons, PolicyHead
from assay.outputs._fitted_action import FittedAction

_tanh_backward = torch.ops.aten.tanh_backward.grad_input


class ByHand:
    """A round of updates by AdamW; the run's weights, and its optimizer's state, change in place."""

    def __init__(self, run: Run, clip: float | None) -> None:
        body, head = run.network.body, run.network.head
        assert isinstance(body, Perceptrons)
        assert isinstance(head, PolicyHead)
        self._run, self._clip = run, clip
        self._body = body
        layers = [*body.parameters(), head.policy.weight, head.policy.bias, head.value.weight, head.value.bias]
        self._flat = torch.zeros(sum(weight.numel() for weight in layers))
        pieces = torch.split(self._flat, [weight.numel() for weight in layers])
        self._weights = [weight.detach() for weight in layers]
        self._gradients = [piece.view_as(weight) for piece, weight in zip(pieces, layers, strict=True)]
        for weight, gradient in zip(layers, self._gradients, strict=True):
            weight.grad = gradient

    @torch.no_grad()
    def passes(
        self, rollout: Rollout, orders: Sequence[Tensor], size: int, *, bound: float, value: float, entropy: float
    ) -> tuple[float, float]:
        """Updates on batches of ``size`` in each of some orders; the mean loss and the mean entropy of the policy.

        Args:
            bound: how far the probability of an action may change.
            value, entropy: weights of the value's squared error and of the bonus.
        """
        step = _Step(self._run.optimizer)
        seen = self._body.scaled(rollout.observation)
        width = self._weights[-4].shape[0]
        chosen = torch.zeros(len(rollout), width).scatter_(1, rollout.action, 1.0)
        whole = len(rollout) // size * size
        gains, errors, surprise = torch.empty(whole), torch.empty(whole), torch.empty(whole, width)
        told = list(zip(*(torch.split(kind, size) for kind in (gains, errors, surprise)), strict=True))
        total = spread = 0.0
        for order in orders:
            kept = order[:whole]
            mixed = (
                seen[kept],
                chosen[kept],
                rollout.log_probability[kept],
                rollout.advantage[kept],
                rollout.value[kept],
            )
            batches = zip(*(torch.split(part, size) for part in mixed), strict=True)
            for batch, into in zip(batches, told, strict=True):
                self._differentiate(batch, into, bound, value, entropy)
                self._shorten(size)
                step()
                if self._run.average:
                    self._run.average.update(self._run.step)
            mean_entropy = -float(surprise.sum()) / whole
            total += value * float(errors.square().mean()) - float(gains.mean()) - entropy * mean_entropy
            spread += mean_entropy
        return total / len(orders), spread / len(orders)

    def _differentiate(
        self, batch: tuple[Tensor, ...], into: tuple[Tensor, ...], bound: float, value: float, entropy: float
    ) -> None:
        """B times the gradient of the loss; the three things that the loss is made of are written ``into`` tensors."""
        seen, chosen, before, advantage, target = batch
        gains, errors, surprise = into
        *layers, policy, policy_bias, worth, worth_bias = self._weights
        *slopes, policy_slope, policy_bias_slope, worth_slope, worth_bias_slope = self._gradients
        x = seen.expand(2, *seen.shape)
        inputs = []
        for weight, bias in zip(layers[::2], layers[1::2], strict=True):
            inputs.append(x)
            x = torch.baddbmm(bias, x, weight).tanh_()
        left, right = x.unbind()
        logs = torch.addmm(policy_bias, left, policy.t()).log_softmax(1)
        torch.sub(torch.addmv(worth_bias, right, worth[0]), target, out=errors)
        chances = logs.exp()
        torch.mul(chances, logs, out=surprise)
        ratio = (logs * chosen).sum(1).sub_(before).exp_()
        free = ratio * advantage
        torch.minimum(free, ratio.clamp(1 - bound, 1 + bound).mul_(advantage), out=gains)
        pull = free.mul_(free <= gains)  # nothing pulls where the bound holds
        by_logit = (chances - chosen).mul_(pull.unsqueeze(1))
        if entropy:
            by_logit.add_(surprise - chances * surprise.sum(1, keepdim=True), alpha=entropy)
        by_value = (errors * (2 * value)).unsqueeze(1)
        torch.mm(by_logit.t(), left, out=policy_slope)
        torch.sum(by_logit, 0, out=policy_bias_slope)
        torch.mm(by_value.t(), right, out=worth_slope)
        torch.sum(by_value, 0, out=worth_bias_slope)
        back = torch.empty_like(x)
        torch.mm(by_logit, policy, out=back[0])
        torch.mul(by_value, worth, out=back[1])
        for at in range(len(inputs) - 1, -1, -1):
            _tanh_backward(back, x, grad_input=back)
            x = inputs[at]
            torch.bmm(x.transpose(1, 2), back, out=slopes[2 * at])
            torch.sum(back, 1, keepdim=True, out=slopes[2 * at + 1])
            if at:
                back = torch.bmm(back, layers[2 * at].transpose(1, 2))

    def _shorten(self, size: int) -> None:
        """Bring the gradient to the mean of the batch, and to the largest norm that it may have."""
        if not self._clip:
            self._flat.div_(size)
            return
        norm = torch.linalg.vector_norm(self._flat).div_(size).add_(1e-6)
        self._flat.mul_(norm.reciprocal_().mul_(self._clip).clamp_(max=1).div_(size))


class _Step:
    """AdamW's step with what never changes in a round looked up once; its state stays where the optimizer has it."""

    def __init__(self, optimizer: Optimizer) -> None:
        assert isinstance(optimizer, AdamW)
        for group in optimizer.param_groups:
            for weight in group["params"]:
                if not optimizer.state[weight]:
                    like = {"exp_avg": torch.zeros_like(weight), "exp_avg_sq": torch.zeros_like(weight)}
                    optimizer.state[weight] = {"step": torch.zeros(()), **like}
        self._groups = []
        for group in optimizer.param_groups:
            states = [optimizer.state[weight] for weight in group["params"]]
            lists = [[state[name] for state in states] for name in ("exp_avg", "exp_avg_sq", "step")]
            beta1, beta2 = group["betas"]
            options = {"lr": group["lr"], "weight_decay": group["weight_decay"], "eps": group["eps"]}
            options |= {"beta1": beta1, "beta2": beta2, "amsgrad": False, "maximize": False}
            weights = [weight.detach() for weight in group["params"]]
            self._groups.append((weights, [weight.grad for weight in group["params"]], lists, options))

    def __call__(self) -> None:
        for weights, gradients, (first, second, steps), options in self._groups:
            torch._foreach_add_(steps, 1)
            torch._fused_adamw_(weights, gradients, first, second, [], steps, **options)


def suits(run: Run, output: FittedAction) -> bool:
    """Whether updates of the network can be worked out by hand."""
    plain = isinstance(run.network.body, Perceptrons) and isinstance(run.network.head, PolicyHead)
    one = output.kind == "choice" and len(output.counts) == 1
    return plain and one and isinstance(run.optimizer, AdamW) and next(run.network.parameters()).device.type == "cpu"
