"""Tables of events as histories: what is held out, in which order, and what is said of bad rows."""

from __future__ import annotations

import json

import numpy as np
import pytest

import assay
from assay.core import discovery
from assay.core.errors import DataError
from assay.core.loading import examples, for_inspection, for_judging, for_training
from assay.core.reading import read
from assay.inputs.history import History

TASK = discovery.task("recommendation")


def table(*events, names=("user", "item", "time")):
    return [dict(zip(names, event, strict=False)) for event in events]


def log(histories, **more):
    """Events in order, one minute apart."""
    return [
        {"user": user, "item": item, "time": at, **{k: v[user] for k, v in more.items()}}
        for user, items in histories.items()
        for at, item in enumerate(items)
    ]


def cells(split, name):
    return [list(cell) if isinstance(cell, list) else cell for cell in split.column(name).tolist()]


def test_the_last_event_is_tested_on_the_last_but_one_selects_and_the_others_train():
    splits = for_training(log({"ann": "abcde", "bob": "bcd"}), TASK)
    assert cells(splits["train"], "history") == [["a", "b"], []]
    assert cells(splits["train"], "next") == [["a", "b", "c"], ["b"]]
    assert cells(splits["validation"], "history") == [["a", "b", "c"], ["b"]]
    assert cells(splits["validation"], "next") == ["d", "c"]
    assert cells(splits["test"], "history") == [["a", "b", "c", "d"], ["b", "c"]]
    assert cells(splits["test"], "next") == ["e", "d"]


def test_a_prediction_is_for_all_that_is_known_and_nobody_judges_it():
    data = read(log({"ann": "abcde", "bob": "b"}))
    roles = for_training(log({"ann": "abcde"}), TASK)["train"].roles
    asked = for_judging(data, TASK, roles, target=False)
    assert cells(asked, "history") == [list("abcde"), ["b"]]
    assert [asked.place(at) for at in range(2)] == ["row 4 (ann)", "row 5 (bob)"]
    assert for_judging(data, TASK, roles).name == "test"
    assert "future" not in for_inspection(data, TASK)


def test_events_go_by_time_ties_by_row_whatever_the_order_of_the_rows():
    rng = np.random.default_rng(0)
    rows = [(f"u{rng.integers(5)}", f"i{at}", int(rng.integers(6))) for at in range(60)]
    found = examples(read(table(*rows)), TASK).splits["future"]
    for user, history in zip(found.columns["user"], found.columns["history"], strict=True):
        own = [(row[2], at, row[1]) for at, row in enumerate(rows) if row[0] == user]
        assert history == [item for _, _, item in sorted(own)]


def test_the_place_of_an_example_is_the_line_of_its_target(tmp_path):
    path = tmp_path / "clicks.csv"
    path.write_text("user,item,time\nann,c,3\nann,a,1\nann,b,2\n", encoding="utf-8")
    test = for_training(path, TASK)["test"]
    assert test.place(0) == f"{path}:2"
    assert (cells(test, "history"), cells(test, "next")) == ([["a", "b"]], ["c"])


def test_what_is_done_with_odd_users_and_events_is_said():
    rows = [*log({"ann": "abcd", "bob": "a", "cid": "ab"}), {"user": "ann", "item": "b", "time": 9}]
    rows += [{"user": "ann", "item": "e", "time": 8}]
    source = examples(read(rows), TASK)
    said = " ".join(source.notes)
    assert "1 of 3 users has one event only" in said
    assert "1 user has two events: in the test split only" in said
    assert "1 of 9 events are of an item that the user had before" in said
    assert "The rows of 1 user do not stand in the order of their times" in said
    assert cells_of(source, "test") == {"ann": "e", "cid": "b"}
    assert source.splits["train"].columns["user"].tolist() == ["ann", "bob"]


def cells_of(source, split):
    return dict(zip(source.splits[split].columns["user"], source.splits[split].columns["next"], strict=True))


def test_nothing_is_said_of_events_in_order():
    assert examples(read(log({"ann": "abcd"})), TASK).notes == ()


def test_columns_of_users_come_along_and_those_of_events_do_not():
    rows = log({"ann": "abcd", "bob": "abc"}, country={"ann": "Chile", "bob": "Malta"})
    for at, row in enumerate(rows):
        row["rating"] = at
    source = examples(read(rows), TASK)
    assert source.splits["test"].columns["country"].tolist() == ["Chile", "Malta"]
    assert "rating" not in source.splits["test"].columns
    assert "left out: rating" in " ".join(source.notes)


def test_bad_rows_are_named_with_file_and_line_and_can_be_left_out(tmp_path):
    path = tmp_path / "clicks.csv"
    good = "".join(f"u{u},i{i},2024-01-{i + 1:02}T10:00\n" for u in range(4) for i in range(5))
    path.write_text(
        f"user,item,time\n{good}u1,i7,yesterday\n,i1,2024-01-01\nu2,,2024-01-01\nu3,i8,\n", encoding="utf-8"
    )
    splits = for_training(path, TASK)
    said = {problem.where: problem.what for problem in splits["train"].split.problems}
    assert 'column "time": "yesterday" is not accepted. Accepted: a number, or a date' in said[f"{path}:22"]
    assert 'column "user": it is empty' in said[f"{path}:23"]
    assert 'column "item": it is empty' in said[f"{path}:24"]
    assert 'column "time": it is empty' in said[f"{path}:25"]
    assert len(splits["test"]) == 4


@pytest.mark.parametrize(
    "spelt",
    [["3", "1", "2"], ["2024-02-01", "2023-12-31T23:59:59Z", "2024-01-31 08:00:00+02:00"], [3.5, -1, 2]],
)
def test_times_are_numbers_or_dates(spelt):
    rows = table(*(("ann", item, time) for item, time in zip("cab", spelt, strict=True)))
    assert examples(read(rows), TASK).splits["future"].columns["history"][0] == ["a", "b", "c"]


def test_columns_are_found_by_their_usual_names_or_named():
    rows = table(("ann", "a", 1), ("ann", "b", 2), names=("CustomerID", "ASIN", "Created_At"))
    assert examples(read(rows), TASK).splits["future"].columns["history"][0] == ["a", "b"]
    odd = table(("ann", "a", 1), ("ann", "b", 2), names=("who", "what", "nth"))
    with pytest.raises(DataError, match=r"no table of events.* a user .*--set user=… Accepted: nth, what, who"):
        examples(read(odd), TASK)
    with pytest.raises(DataError, match=r'an item .*--set item=… Did you mean "itme"'):
        examples(read(table(("ann", "a"), names=("user", "itme"))), TASK)
    with pytest.raises(DataError, match='Did you mean "what"'):
        History(user="who", item="whta").arrange(read(odd))
    with pytest.raises(DataError, match="which column is the item"):
        History(user="who").arrange(read(odd))
    with pytest.raises(DataError, match="must be three columns"):
        History(user="who", item="who").arrange(read(odd))
    named = History(user="who", item="what", time="nth").arrange(read(odd[::-1]))
    assert named.splits["future"].columns["history"][0] == ["a", "b"]
    unordered = History(user="who", item="what", time="none").arrange(read(odd[::-1]))
    assert unordered.splits["future"].columns["history"][0] == ["b", "a"]
    assert "order of the events" in unordered.notes[0]


def test_a_table_of_users_of_one_event_can_be_answered_and_not_learned_from():
    rows = table(("ann", "a", 1), ("bob", "b", 2))
    with pytest.raises(DataError, match=r"no training data.*No user \(column \"user\"\) has two events"):
        for_training(rows, TASK)
    assert list(examples(read(rows), TASK).splits) == ["future"]
    roles = for_training(log({"ann": "abcd"}), TASK)["train"].roles
    assert len(for_judging(rows, TASK, roles, target=False)) == 2
    with pytest.raises(DataError, match=r"no examples to judge by, only: future\..*nothing to hold out"):
        for_judging(rows, TASK, roles)


def test_events_in_several_splits_are_refused(tmp_path):
    for name in ("train", "test"):
        (tmp_path / f"{name}.csv").write_text("user,item,time\nann,a,1\nann,b,2\n", encoding="utf-8")
    with pytest.raises(DataError, match="Give one table of all events"):
        for_training(tmp_path, TASK)


def test_recboles_files_are_read_with_their_users(tmp_path):
    (tmp_path / "shop.inter").write_text(
        "user_id:token\titem_id:token\ttimestamp:float\n"
        + "".join(f"{u}\t{i}\t{i}.5\n" for u in (1, 2) for i in (3, 1, 2)),
        encoding="utf-8",
    )
    (tmp_path / "shop.user").write_text("user_id:token\tage:float\n2\t40\n3\t50\n", encoding="utf-8")
    source = read(tmp_path)
    assert source.format == "interactions"
    assert list(source.splits["all"].columns) == ["user_id", "item_id", "timestamp", "age"]
    made = examples(source, TASK).splits["test"]
    assert made.columns["age"].tolist() == [None, "40"]
    assert made.columns["history"].tolist() == [["1", "2"]] * 2
    before = source.fingerprint
    (tmp_path / "shop.user").write_text("user_id:token\tage:float\n2\t41\n", encoding="utf-8")
    assert read(tmp_path).fingerprint != before
    (tmp_path / "shop.user").write_text("user_id:token\tage:float\n2\t41\n2\t42\n", encoding="utf-8")
    with pytest.raises(DataError, match=r"shop.user:3: the user_id \"2\" stands in .*shop.user:2 already"):
        read(tmp_path)


@pytest.mark.parametrize("length", [4, 10, 60])
def test_all_that_users_had_is_looked_at_when_the_next_one_is_foretold(length):
    """Also what was held out while the codec was fitted."""
    rng = np.random.default_rng(0)
    people = {f"user {at}": [f"i{item}" for item in rng.permutation(80)[:length]] for at in range(9)}
    splits = examples(read(log(people)), TASK).splits
    fitted = History().fit(splits["train"].columns["history"])
    everything = splits["future"].columns["history"]
    assert fitted.longest >= length
    assert not any("only the last" in note for note in fitted.notes(everything).values())


def test_codes_are_left_aligned_unseen_items_are_passed_over_with_a_note_and_long_histories_cut():
    fitted = History(longest=8).fit([list("abc"), list("ab") * 9])
    assert "1 of 2 training histories are longer than 8 items" in fitted.remarks[0]
    problems: dict[int, str] = {}
    xs = [["a", "zzz", "b"], [], '["c", "a"]', list("abcabcabcab"), "[1", None, [["a"]], ["a", None]]
    pack = fitted.encode(xs, problems)
    assert pack["items"].shape == (8, 8)
    assert [pack["items"][at, : pack["length"][at]].tolist() for at in range(4)] == [
        [1, 2], [], [3, 1], [1, 2, 3, 1, 2, 3, 1, 2]]  # fmt: skip
    assert sorted(problems) == [4, 5, 6, 7]
    assert "is no list of items" in problems[4]
    assert "there is no history" in problems[5]
    notes = fitted.notes(xs)
    assert sorted(notes) == [0, 3]
    assert 'the item "zzz" was not in the training data and is passed over' in notes[0]
    assert "only the last 8 of 11 items" in notes[3]


def test_parts_are_the_items_and_what_is_not_kept_is_as_if_it_had_never_been():
    fitted = History().fit([list("abcde")])
    pack = fitted.encode([list("abcd")], {})
    assert fitted.parts(pack) == tuple("abcd")
    mask = np.array([[1, 0, 1, 1], [0, 0, 0, 0], [1, 1, 1, 1]], dtype=bool)
    kept = fitted.keep(pack, mask)
    without = fitted.encode([list("acd"), [], list("abcd")], {})
    for name, array in without.items():
        assert np.array_equal(kept[name], array)
        assert kept[name].dtype == array.dtype


def test_features_are_near_for_histories_that_end_alike_and_not_for_one_that_went_on():
    items = [f"{at}" for at in range(40)]
    fitted = History().fit([items])
    one, like, later, other = fitted.features(
        fitted.encode([items[:12], [*items[20:28], *items[5:12]], items[:13], items[25:37]], {})
    )
    assert one @ like > 0.7
    assert max(abs(one @ later), abs(one @ other)) < 0.5
    assert fitted.features(fitted.encode([[]], {})).tolist() == [[0.0] * 64]


def test_inspection_takes_no_user_for_a_copy_of_himself_and_finds_one_user_under_two_names():
    rng = np.random.default_rng(0)
    users = {f"u{at}": [f"i{item}" for item in rng.permutation(60)[:20]] for at in range(120)}
    said = " ".join(assay.inspect("recommendation", log(users), quiet=True).notes)
    assert "stand in the splits before it" not in said
    twins = {**users, **{f"twin of {name}": users[name] for name in list(users)[:30]}}
    notes = " ".join(assay.inspect("recommendation", log(twins), quiet=True).notes)
    assert "90 examples are equal to an earlier one of the same split" in notes  # 30 in each of three


def test_a_json_list_is_one_raw_input():
    model = assay.train("recommendation", log({f"u{u}": "abcdefgh"[u % 3 :] for u in range(12)}), epochs=1, quiet=True)
    found = assay.predict(model, ['["a", "b"]', json.dumps([])], quiet=True)
    assert [len(row["items"]) for row in found] == [4, 6]  # "g" and "h" were held out, so they are in no catalogue
    assert not {"a", "b"} & {item["item"] for item in found[0]["items"]}
    assert "passed over" in assay.predict(model, ['["a", "zz"]'], quiet=True)[0]["note"]
