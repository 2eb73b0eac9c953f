def _check(recipe):
    for step, (_, needs) in recipe.items():
        for need in needs:
            if need not in recipe:
                raise ValueError(f"{step} needs unknown {need}")
    done = set()
    for step in recipe:
        _walk(recipe, step, [], done)


def _walk(recipe, step, path, done):
    if step in path:
        circle = path[path.index(step) :]
        first = circle.index(min(circle))
        circle = circle[first:] + circle[:first]
        raise ValueError(f"circle: {' > '.join([*circle, circle[0]])}")
    if step not in done:
        for need in recipe[step][1]:
            _walk(recipe, need, [*path, step], done)
        done.add(step)


def order(recipe):
    _check(recipe)
    found, left = [], sorted(recipe)
    while left:
        step = next(step for step in left if not set(recipe[step][1]) & set(left))
        left.remove(step)
        found.append(step)
    return found


def alone(recipe):
    _check(recipe)
    return sum(minutes for minutes, _ in recipe.values())


def _ends(recipe):
    ends = {}
    for step in order(recipe):
        minutes, needs = recipe[step]
        ends[step] = minutes + max((ends[need] for need in needs), default=0)
    return ends


def together(recipe):
    return max(_ends(recipe).values(), default=0)


def critical(recipe):
    ends = _ends(recipe)
    chains = {}
    for step in order(recipe):
        minutes, needs = recipe[step]
        before = [chains[need] for need in needs if ends[need] == ends[step] - minutes]
        chains[step] = [*min(before, default=[]), step]
    whole = together(recipe)
    return min((chains[step] for step, end in ends.items() if end == whole), default=[])


def slack(recipe):
    ends, whole = _ends(recipe), together(recipe)
    latest = dict.fromkeys(recipe, whole)
    for step in reversed(order(recipe)):
        minutes, needs = recipe[step]
        for need in needs:
            latest[need] = min(latest[need], latest[step] - minutes)
    return {step: latest[step] - ends[step] for step in recipe}
