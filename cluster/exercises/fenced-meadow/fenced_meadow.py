def fence(corners):
    pass


def area(corners):
    pass


def turn(corners):
    pass


def where(corners, point):
    pass
