import unittest

from parcel_rates import cheapest, grams, postage
from zones import zone


class ParcelRatesTest(unittest.TestCase):
    def refused(self, message, call, *arguments):
        with self.assertRaises(ValueError) as caught:
            call(*arguments)
        self.assertEqual(str(caught.exception), message)

    def test_home(self):
        self.assertEqual(zone("AT"), "home")

    def test_near(self):
        self.assertEqual({zone(country) for country in ("CH", "DE", "SK")}, {"near"})

    def test_far(self):
        self.assertEqual({zone(country) for country in ("FR", "US", "HC", "KS")}, {"far"})

    def test_no_country(self):
        for country in ("at", "AUT", "A1", "A", "De"):
            with self.subTest(country=country):
                self.refused(f"no country: {country}", zone, country)

    def test_grams(self):
        self.assertEqual([grams("850 g"), grams("2 kg"), grams("1.25 kg")], [850, 2000, 1250])

    def test_grams_are_rounded_up(self):
        self.assertEqual([grams("0.0001 kg"), grams("1.0005 kg"), grams("4.1 kg")], [1, 1001, 4100])

    def test_no_weight(self):
        for text in ("850", "1.5 g", "2 kgs", "kg", "-2 kg", "0 g"):
            with self.subTest(text=text):
                self.refused(f"no weight: {text}", grams, text)

    def test_postage_at_home(self):
        self.assertEqual(postage("AT", "1.9 kg"), 490)

    def test_each_begun_two_kilograms(self):
        found = [postage("DE", weight) for weight in ("1 g", "2 kg", "2001 g", "4 kg", "4.0001 kg")]
        self.assertEqual(found, [890, 890, 1780, 1780, 2670])

    def test_postage_far(self):
        self.assertEqual(postage("NZ", "3 kg"), 2980)

    def test_heaviest_parcel(self):
        self.assertEqual(postage("AT", "20 kg"), 4900)

    def test_too_heavy(self):
        self.refused("too heavy: 20001 g", postage, "AT", "20.0005 kg")

    def test_cheapest_is_together(self):
        self.assertEqual(cheapest("AT", ["900 g", "1 kg", "100 g"]), 490)

    def test_one_parcel_is_no_dearer(self):
        self.assertEqual(cheapest("IT", ["1.5 kg", "1.5 kg", "500 g"]), 1780)

    def test_too_heavy_together(self):
        self.assertEqual(cheapest("AT", ["11 kg", "12 kg"]), 5880)

    def test_one_of_them_too_heavy(self):
        self.refused("too heavy: 21000 g", cheapest, "AT", ["1 g", "21 kg"])


if __name__ == "__main__":
    unittest.main()
