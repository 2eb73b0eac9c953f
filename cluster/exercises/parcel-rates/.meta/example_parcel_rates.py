import re
from fractions import Fraction
from math import ceil

from zones import zone

PRICES = {"home": 490, "near": 890, "far": 1490}
MOST = 20_000


def grams(text):
    match = re.fullmatch(r"(\d+) g|(\d+(?:\.\d+)?) kg", text)
    if match is None:
        raise ValueError(f"no weight: {text}")
    found = int(match[1]) if match[1] else ceil(Fraction(match[2]) * 1000)
    if not found:
        raise ValueError(f"no weight: {text}")
    return found


def _price(country, amount):
    if amount > MOST:
        raise ValueError(f"too heavy: {amount} g")
    return PRICES[zone(country)] * -(-amount // 2000)


def postage(country, weight):
    return _price(country, grams(weight))


def cheapest(country, weights):
    amounts = [grams(weight) for weight in weights]
    single = sum(_price(country, amount) for amount in amounts)
    return min(single, _price(country, sum(amounts))) if sum(amounts) <= MOST else single
