def read(notation):
    pass


def write(beads):
    pass


def count(notation):
    pass
