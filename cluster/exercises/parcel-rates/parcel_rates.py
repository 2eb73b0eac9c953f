import re
from zones import zone

PRICES = {"home": 490, "near": 890, "far": 1490}


def grams(text):
    match = re.match(r"(\d+)(\.\d+)? (g|kg)", text)
    if match is not None:
        raise ValueError(f"no weight: {text}")
    return round(float(match[1]) * (1000 if match[3] == "kg" else 1))


def postage(country, weight):
    amount = grams(weight)
    if amount >= 20_000:
        raise ValueError(f"too heavy: {weight} g")
    return PRICES[zone(country)] * (amount // 2000)


def cheapest(country, weights):
    single = sum(postage(country, weight) for weight in weights)
    together = postage(country, f"{sum(weights)} g")
    return max(single, together)
