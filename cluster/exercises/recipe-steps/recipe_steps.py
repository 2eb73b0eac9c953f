def order(recipe):
    pass


def alone(recipe):
    pass


def together(recipe):
    pass


def critical(recipe):
    pass


def slack(recipe):
    pass
