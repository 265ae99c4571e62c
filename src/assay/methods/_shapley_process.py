"""Shapley values as an integral of a Gaussian process over masks, with the error that it still leaves.

A mask is a corner x of the cube {-1, 1}^P. Shapley values see only the odd half of a game, ``(v(x) - v(-x)) / 2``: so a
mask is always asked for with its opposite. The odd half is taken for the sum of

- a linear function, about which nothing is assumed (generalised least squares);
- interactions: a Gaussian process with the odd half of the diffusion kernel ``exp(sum_i a_i x_i y_i)`` (Kondor and Lafferty
  2002), in which those of any order occur, those of many or of unimportant parts (small ``a_i``) with little weight;
- what no two masks share: a value of its own for every pair of masks, so that a game with jumps is not trusted.

Each Shapley value is a linear function of the game, so its distribution given the masks that were asked for is normal,
with a mean and a variance in closed form: Bayesian quadrature (O'Hagan 1991). No sum over 2^P masks is needed: the
diffusion kernel is a product over parts, and the weights of Shapley values are an integral of such products.

What the kernel weighs is fitted by marginal likelihood; the stated variance is scaled so that masks left out one at a time
are as far from their predictions as it says.

Legend: P parts, M pairs of masks, C claims.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.linalg import cho_factor, cho_solve
from scipy.optimize import minimize

from assay.core.metric import Array
from assay.methods._shapley_masks import scatter, shares
from assay.methods.attribution import Masks

LEARN = 128  # pairs of masks that the kernel is fitted to: a few numbers do not need more
STEPS = 30  # of fitting
REACH = 4.0  # the sum of all a_i at the start
ALIKE = 0.6  # how far the logarithms of a_i are thought to be apart, as a standard deviation
NODES = 16  # of the integral over orders, exact for interactions of up to 31 parts
LOG_NODES = 40
JITTER = 1e-10


@dataclass(frozen=True)
class Kernel:
    """How a game is thought to vary beside its linear part, whose coefficients would have variance 1.

    Attributes:
        smooth: the variance of interactions.
        rough: the variance of what no two masks share.
        reach: how readily each part interacts, ``a_i``, ``[P]``.
    """

    smooth: float
    rough: float
    reach: Array

    def towards(self, x: Array) -> tuple[Array, Array]:
        """The kernel of corners ``[M, P]`` and each other, and of them and each other's opposites, ``[M, M]``, below 1."""
        inner, top = (x * self.reach) @ x.T, self.reach.sum()
        return np.exp(inner - top), np.exp(-inner - top)

    def covariance(self, x: Array) -> Array:
        """Of the odd half at corners ``[M, P]`` no two of which are opposite, without the linear part, ``[M, M]``."""
        near, far = self.towards(x)
        found = self.smooth * (near - far)
        found[np.diag_indices_from(found)] += self.rough + JITTER * (self.smooth + self.rough)
        return found


def fitted(x: Array, y: Array) -> Kernel:
    """The kernel under which odd halves ``y [M, C]`` at corners ``x [M, P]`` are most likely; one for all claims."""
    x, y = x[:LEARN], y[:LEARN]
    parts = x.shape[1]
    start = np.log([0.2 * parts, 0.05, REACH / parts])
    bounds = [(-14.0, 14.0), (-14.0, 10.0), (start[2] - 4, 0.4)]
    one = minimize(
        _unlikely, start, args=(x, y), jac=True, bounds=bounds, method="L-BFGS-B", options={"maxiter": STEPS}
    )
    start = np.concatenate([one.x[:2], np.full(parts, one.x[2])])
    bounds = [*bounds[:2], *[bounds[2]] * parts]
    each = minimize(
        _unlikely, start, args=(x, y), jac=True, bounds=bounds, method="L-BFGS-B", options={"maxiter": STEPS}
    )
    return _kernel(each.x, parts)


def _kernel(logs: Array, parts: int) -> Kernel:
    numbers = np.exp(logs)
    return Kernel(float(numbers[0]), float(numbers[1]), np.broadcast_to(numbers[2:], (parts,)))


def _unlikely(logs: Array, x: Array, y: Array) -> tuple[float, Array]:
    """Minus the logarithm of the marginal likelihood, the scale of each claim being the best one, and its gradient."""
    m, claims = y.shape
    kernel = _kernel(logs, x.shape[1])
    near, far = kernel.towards(x)
    covariance = kernel.covariance(x) + x @ x.T
    try:
        root = cho_factor(covariance, lower=True)
    except np.linalg.LinAlgError:
        return 1e10, np.zeros_like(logs)
    inverse = cho_solve(root, np.eye(m))
    solved = inverse @ y
    left = (y * solved).sum(axis=0)
    value = claims * np.log(np.diag(root[0])).sum() + 0.5 * m * np.log(left).sum()
    slope = 0.5 * (claims * inverse - m * (solved / left) @ solved.T)  # by each number of the covariance
    odd = (slope * (near - far)).sum()
    by_reach = np.einsum("mp,mp->p", x, (slope * (near + far)) @ x) - odd
    by_log = kernel.smooth * kernel.reach * by_reach
    gradient = np.empty_like(logs)
    gradient[0] = kernel.smooth * odd
    gradient[1] = kernel.rough * np.trace(slope)
    if len(logs) == 3:
        gradient[2] = by_log.sum()
    else:
        apart = logs[2:] - logs[2:].mean()
        value += 0.5 * (apart**2).sum() / ALIKE**2
        gradient[2:] = by_log + apart / ALIKE**2
    return float(value), gradient


def posterior(masks: Masks, y: Array, kernel: Kernel) -> tuple[Array, Array]:
    """Shapley values given the odd halves ``y [M, C]`` of pairs, ``[P, C]``, and their standard errors, ``[P, C]``.

    Args:
        masks: one of each pair, ``[M, P]``; M ≥ P of them independent.
        y: half the difference of the pair's values.
        kernel: as `fitted` found it.
    """
    x = np.where(masks, 1.0, -1.0)
    parts = x.shape[1]
    root = cho_factor(kernel.covariance(x), lower=True)
    inverse = cho_solve(root, np.eye(len(x)))
    with_values, among = _integrals(kernel, x)
    with_values += 2 * kernel.rough * shares(masks)
    among += 2 * kernel.rough * scatter(parts)
    plain = inverse @ x
    information = np.linalg.pinv(x.T @ plain, hermitian=True)
    rest = inverse - plain @ information @ plain.T  # what is left of the inverse with the linear part projected out
    slopes = information @ (plain.T @ y)
    solved = inverse @ with_values
    values = 2 * slopes + solved.T @ (y - x @ slopes)
    missing = 2 * np.eye(parts) - solved.T @ x
    variance = np.diag(among) - (with_values * solved).sum(axis=0) + np.diag(missing @ information @ missing.T)
    left_out, open_ = rest @ y, np.diag(rest)
    told = open_ > 1e-9 * open_.max()  # the others are decided by the linear part alone
    scale = (left_out[told] ** 2 / open_[told, None]).mean(axis=0)
    scale *= len(x) / max(len(x) - parts, 1)  # a number a part was fitted to the same masks
    return values, np.sqrt(variance.clip(min=0)[:, None] * scale)


def _integrals(kernel: Kernel, x: Array) -> tuple[Array, Array]:
    """The covariances of the Shapley values of interactions with their odd halves at ``x``, ``[M, P]``, and with each
    other, ``[P, P]``.

    The product of the parts in S (odd) over the corners has the Shapley value 2 / |S| for each of them, and 1 / |S| is the
    integral of u ** (|S| - 1): so sums over all S are integrals of products over parts.
    """
    slope = np.tanh(kernel.reach)
    base = np.log(np.cosh(kernel.reach)).sum() - kernel.reach.sum()
    points, weights = np.polynomial.legendre.leggauss(NODES)
    terms = slope * x
    with_values = np.zeros_like(terms)
    for u, weight in zip((points + 1) / 2, weights / 2, strict=True):
        for sign in (1.0, -1.0):
            factors = np.log1p(sign * u * terms)
            with_values += weight * np.exp(factors.sum(axis=1, keepdims=True) - factors + base)
    with_values *= kernel.smooth * 2 * terms
    points, weights = np.polynomial.legendre.leggauss(LOG_NODES)
    roots = (points + 1) / 2  # u = root ** 3 tames the logarithm at 0
    among = np.zeros((len(slope), len(slope)))
    for u, weight in zip(roots**3, weights / 2 * 3 * roots**2 * -np.log(roots**3), strict=True):
        up, down = np.log1p(u * slope), np.log1p(-u * slope)
        two = np.exp(up.sum() - up[:, None] - up + base) - np.exp(down.sum() - down[:, None] - down + base)
        block = u * np.outer(slope, slope) * two
        np.fill_diagonal(block, slope * (np.exp(up.sum() - up + base) + np.exp(down.sum() - down + base)))
        among += weight * 4 * block  # 1 / |S|² is the integral of -log(u) u ** (|S| - 1), and near - far is twice sinh
    return with_values, kernel.smooth * among
