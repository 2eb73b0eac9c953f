import unittest

from kiln_plan import Plan


class PlanTest(unittest.TestCase):
    def test_no_jobs(self):
        self.assertEqual((Plan(2).run(), Plan(2).done()), ([], 0))

    def test_one_after_the_other(self):
        plan = Plan(1)
        plan.add("cups", 0, 30)
        plan.add("vase", 0, 50)
        self.assertEqual(plan.run(), [(0, 1, "cups"), (30, 1, "vase")])

    def test_side_by_side(self):
        plan = Plan(2)
        plan.add("cups", 0, 30)
        plan.add("vase", 0, 50)
        plan.add("bowl", 10, 5)
        self.assertEqual(plan.run(), [(0, 1, "cups"), (0, 2, "vase"), (30, 1, "bowl")])

    def test_kiln_waits_for_a_job(self):
        plan = Plan(1)
        plan.add("cups", 15, 30)
        self.assertEqual((plan.run(), plan.done()), ([(15, 1, "cups")], 45))

    def test_rank_comes_first(self):
        plan = Plan(1)
        plan.add("cups", 0, 30)
        plan.add("vase", 1, 10)
        plan.add("bowl", 2, 10, rank=5)
        self.assertEqual([name for _, _, name in plan.run()], ["cups", "bowl", "vase"])

    def test_equal_rank_goes_by_readiness(self):
        plan = Plan(1)
        plan.add("cups", 0, 30)
        plan.add("vase", 9, 10, rank=1)
        plan.add("bowl", 2, 10, rank=1)
        self.assertEqual([name for _, _, name in plan.run()], ["cups", "bowl", "vase"])

    def test_equal_readiness_goes_by_addition(self):
        plan = Plan(1)
        for name in ("vase", "bowl", "cups"):
            plan.add(name, 3, 10)
        self.assertEqual(plan.run(), [(3, 1, "vase"), (13, 1, "bowl"), (23, 1, "cups")])

    def test_a_job_that_is_not_ready_is_not_waited_for(self):
        plan = Plan(1)
        plan.add("cups", 0, 30)
        plan.add("vase", 1, 10, rank=9)
        self.assertEqual(plan.run(), [(0, 1, "cups"), (30, 1, "vase")])

    def test_lowest_free_kiln(self):
        plan = Plan(3)
        for name, minutes in (("a", 10), ("b", 5), ("c", 10)):
            plan.add(name, 0, minutes)
        plan.add("d", 10, 1)
        self.assertEqual(plan.run()[-1], (10, 1, "d"))

    def test_cancelled_job(self):
        plan = Plan(1)
        plan.add("cups", 0, 30)
        plan.add("vase", 0, 50)
        plan.cancel("cups")
        self.assertEqual(plan.run(), [(0, 1, "vase")])

    def test_planning_again(self):
        plan = Plan(1)
        plan.add("cups", 5, 30)
        plan.run()
        plan.add("vase", 0, 5)
        self.assertEqual(plan.run(), [(0, 1, "vase"), (5, 1, "cups")])

    def test_idle_minutes(self):
        plan = Plan(2)
        plan.add("cups", 5, 30)
        plan.add("vase", 5, 50)
        self.assertEqual((plan.idle(1), plan.idle(2), plan.done()), (25, 5, 55))

    def test_name_used_twice(self):
        plan = Plan(1)
        plan.add("cups", 0, 30)
        with self.assertRaises(ValueError) as caught:
            plan.add("cups", 5, 1)
        self.assertEqual(str(caught.exception), "cups is planned already")

    def test_job_without_time(self):
        with self.assertRaises(ValueError) as caught:
            Plan(1).add("cups", 0, 0)
        self.assertEqual(str(caught.exception), "cups takes no time")

    def test_unknown_job(self):
        with self.assertRaises(KeyError) as caught:
            Plan(1).cancel("cups")
        self.assertEqual(caught.exception.args, ("cups",))

    def test_no_kiln(self):
        with self.assertRaises(ValueError) as caught:
            Plan(0)
        self.assertEqual(str(caught.exception), "no kiln")


if __name__ == "__main__":
    unittest.main()
