NEIGHBOURS = "CH CZ DE HU IT LI SI SK".split()


def zone(country):
    if not (len(country) == 2 and country.isascii() and country.isalpha() and country.isupper()):
        raise ValueError(f"no country: {country}")
    if country == "AT":
        return "home"
    return "near" if country in NEIGHBOURS else "far"
