"""The images of a step."""

import torch

from fewlabels.sampling.schedule import Stream

ROWS = torch.tensor([3, 5, 8, 13, 21, 34, 55])


def test_every_epoch_has_every_image_once_in_another_order() -> None:
    stream = Stream(ROWS, 7, seed=0, name="unlabelled")
    first, second = stream.at(0).rows, stream.at(1).rows
    assert sorted(first.tolist()) == sorted(second.tolist()) == ROWS.tolist()
    assert first.tolist() != second.tolist()


def test_no_image_is_left_out_at_the_end_of_an_epoch() -> None:
    stream = Stream(ROWS, 3, seed=0, name="unlabelled")
    drawn = torch.cat([stream.at(t).rows for t in range(7)])
    assert sorted(drawn[:7].tolist()) == sorted(drawn[7:14].tolist()) == ROWS.tolist()


def test_a_step_does_not_depend_on_earlier_calls() -> None:
    fresh, used = Stream(ROWS, 4, 1, "labelled"), Stream(ROWS, 4, 1, "labelled")
    for step in (9, 2, 40):
        used.at(step)
    assert torch.equal(fresh.at(5).rows, used.at(5).rows)


def test_two_processes_share_the_batch_of_one() -> None:
    one = Stream(ROWS, 6, 2, "unlabelled").at(11)
    two = [Stream(ROWS, 6, 2, "unlabelled", rank, 2).at(11) for rank in range(2)]
    assert torch.equal(one.rows, torch.cat([part.rows for part in two]))
    assert torch.equal(one.slots, torch.cat([part.slots for part in two]))


def test_a_batch_larger_than_the_data_repeats_images() -> None:
    rows = Stream(ROWS[:2], 5, 0, "labelled").at(0).rows
    assert sorted(rows.tolist()) in ([3, 3, 3, 5, 5], [3, 3, 5, 5, 5])


def test_seed_and_name_change_the_order() -> None:
    orders = {tuple(Stream(ROWS, 7, s, n).at(0).rows.tolist()) for s in range(3) for n in ("labelled", "unlabelled")}
    assert len(orders) == 6
