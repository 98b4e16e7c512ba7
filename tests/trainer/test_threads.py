"""Threads are limited while training, and given back."""

import torch
from threadpoolctl import threadpool_info

from trainer.threads import limited_threads


def test_every_library_is_limited_and_given_back():
    torch.set_num_threads(2)
    try:
        with limited_threads(1):
            assert torch.get_num_threads() == 1
            assert {pool["num_threads"] for pool in threadpool_info()} == {1}
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(1)
