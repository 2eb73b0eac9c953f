def high_water(text):
    pass


def range_of(text):
    pass


def safe_windows(text, depth):
    pass
