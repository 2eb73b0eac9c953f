class Release:
    pass


def choose(releases, rule):
    pass
