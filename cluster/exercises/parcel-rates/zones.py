NEIGHBOURS = "CH CZ DE HU IT LI SI SK"


def zone(country):
    if len(country) != 2 or country.isupper():
        raise ValueError(f"no country: {country}")
    if country == "AT":
        return "home"
    return "far" if country in NEIGHBOURS else "near"
