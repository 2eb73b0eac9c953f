from collections import deque
from itertools import islice, pairwise


def _check(size):
    if size < 1:
        raise ValueError(f"size must be at least 1: {size}")


def batches(items, size):
    _check(size)

    def give():
        source = iter(items)
        while batch := list(islice(source, size)):
            yield batch

    return give()


def windows(items, size):
    _check(size)

    def give():
        kept = deque(maxlen=size)
        for item in items:
            kept.append(item)
            if len(kept) == size:
                yield tuple(kept)

    return give()


def weave(*streams):
    waiting = deque(map(iter, streams))
    while waiting:
        stream = waiting.popleft()
        try:
            item = next(stream)
        except StopIteration:
            continue
        waiting.append(stream)
        yield item


def changes(items):
    for before, after in pairwise(items):
        if before != after:
            yield before, after
