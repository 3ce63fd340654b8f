"""A second opinion about money: the rules of tariffs, counters and accounts, written from the rules and not
from the program, with integers that have no end.

Where the program cuts a consumption into stretches and steps and prices each, this model adds up what every
Wh costs: a slot gives each of its Wh a base price, and the step prices of a period are the difference of one
running sum. An account is one number, in tenths of a micro-unit, so there is nothing to carry. Local time comes
from the system's zone files.
"""

from datetime import date, datetime, timedelta, timezone
from functools import lru_cache
from zoneinfo import ZoneInfo

DAY = timedelta(days=1)
EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)
LONGEST_SPLIT = 400 * 86_400_000
LARGEST_BALANCE = 2**63 - 1


class Zone:
    """Local time by one rule: the first moment at which the clock on the wall shows a time or a later one."""

    def __init__(self, name):
        self.zone = ZoneInfo(name)
        self.moment = lru_cache(maxsize=None)(self._moment)

    def offset(self, ms):
        there = (EPOCH + timedelta(milliseconds=ms)).astimezone(self.zone)
        return there.utcoffset() // timedelta(milliseconds=1)

    def _moment(self, day, minute):
        shown = (datetime(day.year, day.month, day.day, tzinfo=timezone.utc) - EPOCH) // timedelta(milliseconds=1)
        shown += minute * 60_000
        offsets = {self.offset(shown + hours * 3_600_000) for hours in (-30, -12, 0, 12, 30)}
        fitting = [shown - offset for offset in offsets if self.offset(shown - offset) == offset]
        if fitting:
            return min(fitting)
        # The clock jumps over it: the moment of the jump.
        low, high = shown - max(offsets), shown - min(offsets)
        before = self.offset(low)
        while high - low > 1:
            middle = (low + high) // 2
            low, high = (middle, high) if self.offset(middle) == before else (low, middle)
        return high

    def day(self, ms):
        """The last day that has begun."""
        day = (EPOCH + timedelta(milliseconds=ms + self.offset(ms))).date() + DAY
        while self.moment(day, 0) > ms:
            day -= DAY
        return day


class Calendar:
    def __init__(self, holidays, working_days):
        self.holidays, self.working_days = set(holidays), set(working_days)

    def kind(self, day):
        if day.isoformat() in self.holidays:
            return 2
        return 1 if day.isoweekday() >= 6 and day.isoformat() not in self.working_days else 0


class Tariff:
    def __init__(self, data, zone, calendar):
        self.data, self.zone, self.calendar = data, zone, calendar
        self.flat = data.get("flat")
        self.has_steps = "thresholds" in data
        self.is_timeless = self.flat is not None and not self.has_steps
        self.starts = lru_cache(maxsize=None)(self._starts)
        self.period = lru_cache(maxsize=None)(self._period)
        self.prices = data.get("prices")
        self.fallback = data.get("fallback")

    def _starts(self, day):
        """The slots of a day: [(moment, rate)], with its midnight first."""
        midnight = self.zone.moment(day, 0)
        if self.flat is not None:
            return [(midnight, None)]
        is_next = "switch" in self.data and day.isoformat() >= self.data["switch"]
        chosen = self.data["next_set" if is_next else "set"]
        number = 1
        if chosen["seasons"]:
            season = chosen["seasons"][-1]
            for candidate in chosen["seasons"]:
                if (candidate[0], candidate[1]) <= (day.month, day.day):
                    season = candidate
            number = season[2 + self.calendar.kind(day)]
        slots = chosen["tables"][number - 1]
        found = {midnight: slots[-1][1]}
        for minute, rate in slots:
            found[self.zone.moment(day, minute)] = rate
        return sorted(found.items())

    def _period(self, day):
        """The first day of the settlement period of a day."""
        if not self.has_steps:
            return None
        if "month_from" in self.data:
            first = self.data["month_from"]
            while day.day != first:
                day -= DAY
            return day
        month, first = self.data["year_from"]
        start = date(day.year, month, first)
        return start if start <= day else date(day.year - 1, month, first)

    def slots_between(self, start, end):
        """Every slot that begins in ]start, end[, and the one that holds start, in order."""
        day, last = self.zone.day(start), self.zone.day(end)
        slots = [(moment, rate, self.period(day)) for moment, rate in self.starts(day)]
        held = max(i for i, slot in enumerate(slots) if slot[0] <= start)
        slots = slots[held:]
        while day < last:
            day += DAY
            slots += [(moment, rate, self.period(day)) for moment, rate in self.starts(day)]
        return [slot for slot in slots if slot[0] <= start or slot[0] < end]

    def has_boundary(self, start, end):
        """Whether a slot or a day begins strictly between two moments."""
        day = self.zone.day(start)
        following = [slot[0] for slot in self.starts(day) + self.starts(day + DAY) if slot[0] > start]
        return following[0] < end

    def shares(self, quantity, start, end):
        """[(Wh, rate, period)]: each slot in proportion to its time, rounded down, the last the rest."""
        merged = []
        for moment, rate, period in self.slots_between(start, end):
            if not merged or merged[-1][1:] != (rate, period):
                merged.append((max(moment, start), rate, period))
        shares, given = [], 0
        for (begin, rate, period), following in zip(merged, merged[1:]):
            share = quantity * (following[0] - begin) // (end - start)
            shares.append((share, rate, period))
            given += share
        return shares + [(quantity - given, *merged[-1][1:])]

    def base_price(self, rate):
        return self.flat if rate is None else self.prices[rate - 1]

    def running_sum(self, used):
        """What the first `used` Wh of a period cost in step prices."""
        total, before = 0, 0
        for threshold, price in zip(self.data["thresholds"] + [None], self.data["step_prices"]):
            until = used if threshold is None else min(used, threshold)
            total += max(0, until - before) * price
            if threshold is not None:
                before = threshold
        return total


class Usage:
    """Wh by settlement period; periods never go back further than one."""

    def __init__(self):
        self.periods, self.undated = [], 0

    def copy(self):
        other = Usage()
        other.periods, other.undated = [list(period) for period in self.periods], self.undated
        return other

    def add(self, quantity, period):
        """Returns what was used before."""
        if quantity == 0:
            return 0
        if not self.periods:
            before = self.undated
            if period is None:
                self.undated += quantity
            else:
                self.periods.append([period, before + quantity])
            return before
        current = self.periods[-1]
        if period is not None and period > current[0]:
            self.periods = [current, [period, quantity]]
            return 0
        if period is not None and len(self.periods) > 1 and self.periods[0][0] == period:
            current = self.periods[0]
        current[1] += quantity
        return current[1] - quantity


class Stamp:
    __slots__ = ("boot", "monotonic", "wall", "trust", "is_known")

    def __init__(self, data):
        self.boot, self.monotonic, self.wall, self.trust = data
        self.is_known = self.trust != "untrusted"

    def since(self, earlier):
        """ms, or None where it cannot be known."""
        if self.boot == earlier.boot:
            passed = self.monotonic - earlier.monotonic
        elif self.is_known and earlier.is_known:
            passed = self.wall - earlier.wall
        else:
            return None
        return passed if passed >= 0 else None


class Circuit:
    """A counter: what may be believed of it."""

    def __init__(self, name, rules):
        self.name = name
        self.set_rules(rules)
        self.posted = self.accepted = None
        self.forget()

    def set_rules(self, rules):
        self.modulus, self.step, self.rated = rules

    def forget(self):
        self.candidate, self.agreeing, self.is_quarantined = None, 0, False

    def used(self, before, now):
        return now - before if now >= before else now - before + self.modulus

    def can_show(self, value):
        return 0 <= value and (self.modulus is None or value < self.modulus)

    def judge(self, before, value, elapsed):
        """'normal', 'pending' or 'unexplained'."""
        if not self.can_show(value):
            return "unexplained"
        limit = 2 * self.step
        if elapsed is not None:
            limit += self.rated * 12 * elapsed // (10 * 3_600_000)
        if value < before:
            possible = self.modulus is not None and elapsed is not None and before < self.modulus
            return "normal" if possible and self.used(before, value) <= limit else "unexplained"
        if value - before <= limit:
            return "normal"
        return "pending" if elapsed is None else "unexplained"

    def read(self, value, at):
        """('baseline' | 'accepted' | 'released' | None, the mark before)."""
        mark, before = (value, at), self.accepted
        if before is None:
            if self.can_show(value):
                self.accepted = mark
                self.forget()
                return "baseline", None
            self.is_quarantined, self.candidate, self.agreeing = True, mark, 0
            return None, None
        verdict = self.judge(before[0], value, at.since(before[1]))
        if verdict != "normal":
            is_disputed = verdict == "unexplained"
            agrees = (
                self.candidate is not None and not (self.is_quarantined and not is_disputed) and value != 0
                and self.can_show(value) and value >= self.candidate[0]
                and self.judge(self.candidate[0], value, at.since(self.candidate[1])) == "normal"
            )
            self.agreeing = self.agreeing + 1 if agrees else 0
            self.candidate, self.is_quarantined = mark, is_disputed
            if self.agreeing < 2:
                return None, before
            self.accepted = mark
            self.forget()
            return ("released" if is_disputed else "accepted"), before
        self.accepted = mark
        self.forget()
        return "accepted", before


class Account:
    def __init__(self, data, zone, calendar):
        self.name, self.customer = data["id"], data["customer"]
        self.tenths = data["balance"] * 10 - data["carry"]
        self.last_recharge, self.cap = data["last_recharge"], data["cap"]
        self.is_open = True
        self.zone, self.calendar = zone, calendar
        self.set_price(data["price"])
        self.schedule = self.changes = None
        if data["tariff"]:
            self.schedule, self.changes = Tariff(data["tariff"], zone, calendar), []
        self.usage = Usage()
        self.circuits = [Circuit(name, rules) for name, rules in data["circuits"]]
        self.recharges = {}

    def set_price(self, price):
        self.price, self.flat = price, Tariff({"flat": price}, self.zone, self.calendar)

    @property
    def tariff(self):
        return self.schedule or self.flat

    @property
    def balance(self):
        """Whole micro-units: a debit counts when it is complete."""
        return -(-self.tenths // 10)

    def set_balance(self, microunits):
        self.tenths += (microunits - self.balance) * 10

    def cost(self, tariff, usage, quantity, start, end):
        """Tenths of micro-units for what was used between two marks' times."""
        total = 0
        for share, rate, period in self.shares(tariff, quantity, start, end):
            if share == 0:
                continue
            total += share * tariff.base_price(rate)
            # A period's Wh count while there are steps to count them for.
            if tariff.has_steps:
                before = usage.add(share, period)
                total += tariff.running_sum(before + share) - tariff.running_sum(before)
        return total

    def shares(self, tariff, quantity, start, end):
        if tariff.is_timeless:
            return [(quantity, None, None)]
        elapsed = end.since(start) if end.is_known else None
        if elapsed is None or elapsed > LONGEST_SPLIT:
            period = tariff.period(self.zone.day(end.wall)) if end.is_known else None
            return [(quantity, tariff.fallback, period)]
        # The monotonic clock says how long it was; a wall clock that fits says when it began.
        begin = end.wall - elapsed
        if start.is_known and abs(start.wall - begin) * 1_000 <= max(2_000_000, elapsed):
            begin = min(start.wall, end.wall)
        if begin == end.wall:
            slot = tariff.slots_between(begin, begin)[-1]
            return [(quantity, slot[1], slot[2])]
        return tariff.shares(quantity, begin, end.wall)

    def charge(self, circuit, until, usage, via=None):
        """What a circuit used since its last posting costs; `via` is a mark on the way."""
        total, start = 0, circuit.posted
        for mark in (via, until):
            if start is None or mark is None:
                continue
            total += self.cost(self.tariff, usage, circuit.used(start[0], mark[0]), start[1], mark[1])
            start = mark
        return total

    def live(self):
        usage, tenths = self.usage.copy(), self.tenths
        if not self.is_open:
            return self.balance
        for circuit in self.circuits:
            if circuit.posted and circuit.accepted:
                tenths -= self.charge(circuit, circuit.accepted, usage)
        return -(-tenths // 10)

    def settle(self, ends=None, via=None):
        """Posts all circuits, each up to its last accepted mark or to another one. A closed account is settled."""
        if not self.is_open:
            return
        for circuit in self.circuits:
            until = (ends or {}).get(circuit.name) or circuit.accepted
            if circuit.posted is None or until is None:
                continue
            self.tenths -= self.charge(circuit, until, self.usage, (via or {}).get(circuit.name))
            if circuit.used(circuit.posted[0], until[0]) > 0 or not self.tariff.is_timeless:
                circuit.posted = until

    def follow_tariff(self, circuit, mark, before):
        """The first reading after a boundary posts; a change of the tariff begins with a reading."""
        if self.schedule is None:
            return
        if before and circuit.posted and not self.tariff.is_timeless:
            start, end = circuit.posted[1], mark[1]
            if start.is_known != end.is_known or (
                start.is_known and self.tariff.has_boundary(start.wall, end.wall)
            ):
                self.settle(via={circuit.name: before})
        due = [change for change in self.changes if change[0] <= mark[1].wall] if mark[1].is_known else []
        if due:
            self.settle()
            self.schedule = due[-1][1]
            self.changes = [change for change in self.changes if change[0] > due[-1][0]]
