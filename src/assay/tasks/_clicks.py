"""Made clicks with a known rule, so that the best possible recommendation is known."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path

import numpy as np

from assay.core.demo import Demo
from assay.core.files import write

USERS, ITEMS, SHORTEST, LONGEST = 800, 120, 6, 24
FOLLOWS = 0.6  # how often the successor of the last item comes next
COUNTRIES = ("Chile", "Ghana", "Japan", "Malta")


def clicks(folder: Path) -> Demo:
    """``clicks.csv``: 800 users, 120 films. Every film has one that comes next 6 times in 10; else any unseen one does."""
    rng = np.random.default_rng(0)
    order = rng.permutation(ITEMS)
    successor = np.empty(ITEMS, dtype=np.int64)
    successor[order] = np.roll(order, -1)  # one ring: a rule that no popularity gives away
    rows: list[tuple[str, str, str, str]] = []
    best, pasts = [], []
    for user in range(USERS):
        country, minute = COUNTRIES[int(rng.integers(len(COUNTRIES)))], int(rng.integers(500_000))
        seen = [int(rng.integers(ITEMS))]
        for _ in range(int(rng.integers(SHORTEST, LONGEST))):
            unseen = np.setdiff1d(np.arange(ITEMS), seen)
            after = int(successor[seen[-1]])
            ruled = after not in seen
            seen.append(after if ruled and rng.random() < FOLLOWS else int(rng.choice(unseen)))
        best.append(_ideal(len(unseen), known=ruled, right=seen[-1] == after))  # the last step is what is judged
        for item in seen:
            minute += int(rng.integers(1, 500))
            rows.append((f"user {user}", f"film {item}", _moment(minute), country))
        pasts.append([f"film {item}" for item in seen])
    shuffled = rng.permutation(len(rows))
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(("user", "film", "time", "country"))
    writer.writerows(rows[at] for at in shuffled.tolist())
    write(folder / "clicks.csv", stream.getvalue())
    return Demo(
        data=folder / "clicks.csv",
        about=f"{len(rows):,} made clicks of {USERS} users on {ITEMS} films, each of which has a hidden successor",
        inputs=tuple(json.dumps(past[:4]) for past in pasts[:3]),
        by="country",
        time="40s",
        known=(
            "ndcg@10",
            float(np.mean(best)),
            "give or take 0.01, since where no rule held it was chance that chose the film",
        ),
    )


def _ideal(unseen: int, *, known: bool, right: bool) -> float:
    """The NDCG@10 of who lists the successor first where it is ``known``, and of so many unseen films others by chance."""
    gains = 1 / np.log2(np.arange(2, 12))
    if not known:
        return float(gains.sum() / unseen)
    return 1.0 if right else float(gains[1:].sum() / (unseen - 1))


def _moment(minute: int) -> str:
    day, rest = divmod(minute, 24 * 60)
    month, day = divmod(day, 28)
    year, month = divmod(month, 12)
    return f"{2020 + year}-{month + 1:02}-{day + 1:02}T{rest // 60:02}:{rest % 60:02}"
