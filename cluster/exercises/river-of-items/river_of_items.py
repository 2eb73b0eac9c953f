def batches(items, size):
    pass


def windows(items, size):
    pass


def weave(*streams):
    pass


def changes(items):
    pass
