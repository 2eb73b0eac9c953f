def turned(bed, quarters):
    pass


def snail(bed):
    pass


def stripes(bed):
    pass


def neighbours(bed, row, column):
    pass
