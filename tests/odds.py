"""Bounds for what chance decides: a test that counts how often something happens fails by chance in 1 of 10,000."""

from scipy.stats import binom

RISK = 1e-4


def most(n: int, rate: float) -> int:
    """Of ``n`` cases that come to pass at this rate, more than so many do in 1 of 10,000 at the most."""
    return int(binom.isf(RISK, n, rate))


def fewest(n: int, rate: float) -> int:
    """Of ``n`` cases that come to pass at this rate, fewer than so many do in 1 of 10,000 at the most."""
    return int(binom.ppf(RISK, n, rate))
