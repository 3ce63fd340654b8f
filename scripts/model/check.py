"""Follows a trace of the program (JSON lines on standard input) with the model and compares after every event.

Prints `EVENTS DRIFT`: how many events were compared, and by how many micro-units balances differ at most.
Ends with 1 at the first difference, which is printed with its line.
"""

import json
import sys

from prepaid_model import Account, Calendar, LARGEST_BALANCE, Stamp, Tariff, Zone

NOT_REVERSIBLE = {"reversal", "transfer", "write_off"}


class Difference(Exception):
    pass


class Books:
    """The ledger once more, by adding its entries up."""

    def __init__(self, accounts):
        self.balances = {"opening": 0}
        self.carries = {}
        for account in accounts:
            self.balances["customer:" + account.name] = account.balance
            self.balances["opening"] -= account.balance
            self.carries[account.name] = account.balance * 10 - account.tenths
        self.entries, self.disputes, self.concerned = {}, {}, set()
        self.sequence = 0

    def enter(self, posting):
        self.sequence += 1
        name, cause, debit, credit, amount, after, carry, concerns, *span = posting
        require(amount >= 0, f"a negative amount: {posting}")
        for book, change in ((debit, -amount), (credit, amount)):
            self.balances[book] = self.balances.get(book, 0) + change
        require(self.balances["customer:" + name] == after, f"the entries do not add up to {after}: {posting}")
        if span and cause != "write_off":
            _, _, _, quantity, price, _, _, _ = span[0]
            exact = quantity * price + self.carries[name]
            require(amount * 10 + carry == exact, f"not price x quantity + carry: {posting}")
        else:
            require(carry == self.carries[name], f"the carry changed: {posting}")
        self.carries[name] = carry
        if concerns is not None:
            require(concerns not in self.concerned, f"{concerns} was undone or decided before")
            self.concerned.add(concerns)
        self.entries[self.sequence] = posting


def require(holds, what):
    if not holds:
        raise Difference(what)


class Site:
    def __init__(self, data):
        self.zone = Zone(data["zone"])
        self.calendar = Calendar(data["holidays"], data["working_days"])
        self.accounts = [Account(account, self.zone, self.calendar) for account in data["accounts"]]
        self.circuits = {c.name: (a, c) for a in self.accounts for c in a.circuits}
        self.books = Books(self.accounts)
        self.drift = 0

    def follow(self, event):
        self.now, self.moduli = Stamp(event["at"]), {}
        answer = getattr(self, "on_" + event["e"])(event)
        if "a" in event:
            require(answer == event["a"], f"the model answers {answer}")
        postings = event.get("p", [])
        for state in event["s"]:
            for posting in postings[: state[3]]:
                self.books.enter(posting)
            postings = postings[state[3] :]
            self.books.sequence += state[4]
        if "d" in event:
            self.books.disputes[event["d"]] = self.released
        for name, value in event.get("m", []):
            posted = self.circuits[name][1].posted
            require(posted and posted[0] == value, f"{name} is posted up to {value}, by the model to {posted}")
        self.check_quantities(event.get("p", []))
        self.compare(event)
        require(sum(self.books.balances.values()) == 0, "the books do not add up to nothing")
        require(self.books.balances.get("transfer", 0) == 0, "credit is left on its way")

    def check_quantities(self, postings):
        """All of a counter's move is billed, in whatever parts."""
        spans = {}
        for posting in postings:
            if posting[1] == "consumption":
                name, start, end, quantity = posting[8][:4]
                spans[name, start, end] = spans.get((name, start, end), 0) + quantity
        for (name, start, end), quantity in spans.items():
            modulus = self.moduli.get(name, self.circuits[name][1].modulus)
            used = end - start if end >= start else end - start + modulus
            require(used == quantity, f"{name} moved by {used} and {quantity} are billed")

    def compare(self, event):
        for index, (balance, carry, live, _, _) in zip(event["g"], event["s"]):
            account = self.accounts[index]
            drift = max(abs(account.balance - balance), abs(account.live() - live) if live is not None else 0)
            self.drift = max(self.drift, drift)
            require(live is not None, f"{account.name}: the live balance is not known")
            require(
                balance * 10 - carry == account.tenths,
                f"{account.name}: {balance} carry {carry}, by the model {account.balance} "
                f"carry {account.balance * 10 - account.tenths}")
            require(drift == 0, f"{account.name}: live {live}, by the model {account.live()}")

    released = None

    def on_clock(self, event):
        pass

    on_reset = on_nothing = on_clock

    def on_settle(self, event):
        for account in self.accounts:
            account.settle()

    def on_restart(self, event):
        for name, value, at in event["found"]:
            circuit = self.circuits[name][1]
            circuit.forget()
            circuit.accepted = None if value is None else (value, Stamp(at))

    def on_read(self, event):
        account, circuit = self.circuits[event["c"]]
        finding, before = circuit.read(event["v"], self.now)
        require(("d" in event) == (finding == "released"), f"the model finds {finding}")
        if finding == "baseline":
            circuit.posted = circuit.accepted
        elif finding == "accepted":
            account.follow_tariff(circuit, circuit.accepted, before)
        elif finding == "released":
            account.settle(ends={circuit.name: before})
            self.released = (circuit.name, before[0], event["v"])
            circuit.posted = circuit.accepted

    def on_replace(self, event):
        account, circuit = self.circuits[event["c"]]
        accepted = circuit.accepted
        if accepted:
            elapsed = self.now.since(accepted[1])
            if circuit.judge(accepted[0], event["last"], elapsed) == "unexplained":
                return "implausible_last_reading"
        modulus = event["rules"][0]
        if event["first"] < 0 or modulus is not None and event["first"] >= modulus:
            return "implausible_first_reading"
        account.settle(ends={circuit.name: (event["last"], self.now)}, via={circuit.name: accepted})
        self.moduli = {circuit.name: circuit.modulus}
        circuit.set_rules(event["rules"])
        circuit.posted = circuit.accepted = (event["first"], self.now)
        circuit.forget()
        return "replaced"

    def on_dispute(self, event):
        account = self.circuits[event["c"]][0]
        if event["n"] in self.books.concerned:
            return "already_decided"
        _, start, end = self.books.disputes[event["n"]]
        quantity = event.get("bill")
        if quantity is not None and (quantity <= 0 or start <= end < start + quantity):
            return "quantity_out_of_range"
        account.settle()
        if quantity is not None:
            unknown = Stamp([self.now.boot, self.now.monotonic, self.now.wall, "untrusted"])
            account.tenths -= account.cost(account.tariff, account.usage, quantity, unknown, unknown)
        return "decided"

    def is_expired(self, event):
        return event["expires"] is not None and self.now.trust == "trusted" and self.now.wall > event["expires"]

    def on_recharge(self, event):
        account, number, amount = self.accounts[event["g"][0]], event["number"], event["amount"]
        content = (event["customer"], event["issuer"], amount)
        if number in account.recharges:
            return "already_applied" if account.recharges[number] == content else "conflict"
        trial = self.settled(account)
        refusal = self.first_of(
            ("conflict", number <= account.last_recharge),
            ("account_closed", not account.is_open),
            ("wrong_issuer", event["issuer"] != "platform"),
            ("wrong_customer", event["customer"] != account.customer),
            ("amount_not_positive", amount <= 0),
            ("gap", number != account.last_recharge + 1),
            ("expired", self.is_expired(event)),
            ("overflow", trial + amount > LARGEST_BALANCE),
            ("over_hoarding_cap", trial + amount > account.cap))
        if refusal:
            return refusal
        account.settle()
        account.tenths += amount * 10
        account.last_recharge = number
        account.recharges[number] = content
        return "applied"

    def first_of(self, *checks):
        return next((name for name, holds in checks if holds), None)

    def settled(self, account):
        """The balance that posting everything would leave."""
        return account.live()

    def on_order(self, event):
        account, operation = self.accounts[event["g"][0]], event["op"]
        amount, entry = event.get("amount"), self.books.entries.get(event.get("n"))
        refusal = self.first_of(
            ("account_closed", not account.is_open and operation not in ("refund", "reversal", "clear")),
            ("wrong_issuer", event["issuer"] != "platform"),
            ("wrong_customer", event["customer"] != account.customer),
            ("amount_not_positive", operation == "refund" and amount <= 0 or operation == "preset" and amount < 0),
            ("unknown_entry", operation == "reversal" and entry is None),
            ("wrong_entry", operation == "reversal" and entry and entry[0] != account.name),
            ("not_reversible", operation == "reversal" and entry and entry[1] in NOT_REVERSIBLE),
            ("already_reversed", operation == "reversal" and event["n"] in self.books.concerned),
            ("expired", self.is_expired(event)),
            ("insufficient_balance", operation == "refund" and amount > self.settled(account)),
            ("over_hoarding_cap", operation == "preset" and amount > account.cap))
        if refusal:
            return refusal
        account.settle()
        if operation == "refund":
            account.tenths -= amount * 10
        elif operation == "reversal":
            was_credit = entry[3] == "customer:" + account.name
            account.tenths += (-10 if was_credit else 10) * entry[4]
        elif operation in ("clear", "preset"):
            account.set_balance(amount if operation == "preset" else 0)
        elif operation == "price":
            account.set_price(event["price"])
        elif operation == "tariff":
            self.set_tariff(account, event)
        elif operation == "close":
            account.is_open = False
            if event["pays_out"] and account.balance > 0:
                account.set_balance(0)
        return "applied"

    def set_tariff(self, account, event):
        def made(data):
            return Tariff(data, self.zone, self.calendar)

        account.schedule = made(event["tariff"]) if event["tariff"] else None
        account.changes = [(at, made(data)) for at, data in event["changes"]]

    def on_transfer(self, event):
        giver, receiver = (self.accounts[index] for index in event["g"])
        amount = event["amount"]
        refusal = self.first_of(
            ("account_closed", not receiver.is_open),
            ("wrong_issuer", event["issuer"] != "platform"),
            ("wrong_customer", event["customer"] != giver.customer),
            ("amount_not_positive", amount <= 0),
            ("expired", self.is_expired(event)),
            ("insufficient_balance", amount > self.settled(giver)),
            ("over_hoarding_cap", self.settled(receiver) + amount > receiver.cap))
        if refusal:
            return refusal
        giver.settle()
        receiver.settle()
        giver.tenths -= amount * 10
        receiver.tenths += amount * 10
        return "applied"

    def on_open(self, event):
        account, last = self.accounts[event["g"][0]], event["last"]
        refusal = self.first_of(
            ("balance_left", account.balance != 0),
            ("bad_value", last < 0),
            ("recharge_number_used", last != 0 and last < account.last_recharge),
            ("over_hoarding_cap", event["balance"] > account.cap))
        if refusal:
            return refusal
        account.set_balance(event["balance"])
        account.last_recharge = max(last, account.last_recharge)
        account.schedule, account.changes, account.is_open = None, None, True
        account.usage.__init__()
        for circuit in account.circuits:
            circuit.posted = circuit.accepted or circuit.posted
        return "opened"


def main():
    site, events = None, 0
    for number, line in enumerate(sys.stdin, 1):
        data = json.loads(line)
        if site is None:
            site = Site(data)
            continue
        try:
            site.follow(data)
        except Difference as difference:
            print(f"line {number}: {difference}\n{line}", file=sys.stderr)
            print(events, max(site.drift, 1))
            sys.exit(1)
        events += 1
    print(events, site.drift if site else 1)


main()
