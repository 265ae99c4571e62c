"""Made reviews in two scripts whose sense is known, so that the best possible accuracy is too."""

from __future__ import annotations

import csv
import io
from pathlib import Path

import numpy as np

from assay.core.demo import Demo
from assay.core.files import write

REVIEWS = 3_000
TRUE = 0.92  # the share of labels that say what the review says

ENGLISH = {
    "of": ("the soup", "the service", "the room", "the music", "the driver", "the price", "our table", "this phone"),
    "good": ("wonderful", "friendly", "fresh", "quick", "lovely", "a pleasure"),
    "bad": ("awful", "rude", "stale", "slow", "dreadful", "a disappointment"),
    "is": ("was {}", "is {}", "was really {}", "has been {}"),
    "not": ("was not {}", "is never {}", "was hardly {}", "was anything but {}"),
    "filler": ("we came on a sunday .", "it was raining .", "my sister had told me of it .", "the street is long ."),
}
CHINESE = {
    "of": ("汤", "服务", "房间", "音乐", "司机", "价格", "桌子", "手机"),
    "good": ("好吃", "热情", "新鲜", "满意", "漂亮", "完美"),
    "bad": ("难吃", "粗鲁", "油腻", "失望", "糟糕", "昂贵"),
    "is": ("很{}", "非常{}", "真的{}", "挺{}"),
    "not": ("不{}", "一点也不{}", "并不{}", "从来不{}"),
    "filler": ("我们星期天来的。", "那天下雨。", "姐姐告诉我的。", "这条街很长。"),
}


def reviews(folder: Path) -> Demo:
    """``reviews.csv``: English and Chinese reviews of one statement, often negated, among remarks that say nothing."""
    rng = np.random.default_rng(0)
    rows = [_review(rng) for _ in range(REVIEWS)]
    right = float(np.mean([says == label for _, _, says, label in rows]))
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(("review", "language", "label"))
    writer.writerows((text, language, label) for text, language, _, label in rows)
    path = folder / "reviews.csv"
    write(path, stream.getvalue())
    return Demo(
        data=path,
        about=f"{REVIEWS:,} made reviews, English and Chinese, where a negation turns the sense round",
        inputs=("the soup was not fresh .", "the soup was anything but stale .", "司机一点也不热情。"),
        target="label",
        by="language",
        time="30s",
        known=("accuracy", right, f"since {1 - right:.1%} of all labels were turned round by chance"),
    )


def _review(rng: np.random.Generator) -> tuple[str, str, str, str]:
    """A review, its language, what it says and its label."""
    chinese, good, negated, true = rng.random() < 0.5, rng.random() < 0.5, rng.random() < 0.4, rng.random() < TRUE
    words = CHINESE if chinese else ENGLISH

    def one(kind: str) -> str:
        return words[kind][int(rng.integers(len(words[kind])))]

    space, end = ("", "。") if chinese else (" ", " .")
    statement = one("of") + space + one("not" if negated else "is").format(one("good" if good else "bad")) + end
    around = [statement, *(one("filler") for _ in range(int(rng.integers(0, 3))))]
    rng.shuffle(around)
    says, other = ("positive", "negative") if good != negated else ("negative", "positive")
    return space.join(around), "Chinese" if chinese else "English", says, says if true else other
