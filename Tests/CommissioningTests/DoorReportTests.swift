import Commissioning
import Testing

private func report(failed: Bool = false) -> DoorReport {
    DoorReport(
        gateway: "SITE-<7>", at: "2027-01-31T12:00:00Z",
        buses: [.init(name: "bus1", port: "/dev/serial/by-path/p&q", format: "9600 8N1")],
        lines: [
            .init(
                circuit: "FLAT-1", meter: "M-1", address: "bus1/1", counter: "101.130 kWh", power: "230.000 W",
                breaker: "closed", outcome: .passed),
            .init(
                circuit: "HALL", meter: "M-2", address: "bus1/2", counter: nil, power: nil, breaker: nil,
                outcome: failed ? .failed : .open),
        ],
        checks: [
            .init("meters", failed ? .failed : .passed, failed ? "not read: HALL" : "all 2 are read"),
            .init("platform", .open, "none is configured"),
        ],
        complaints: failed ? [Complaint(.likely, "meter M-2", "it does not answer", ["check \"A\" & B"])] : [])
}

@Suite("The report for the door")
struct DoorReportTests {
    @Test("as text: verdict, checks, buses, meters; what is not known is a dash")
    func text() {
        #expect(
            report().text == """
                METERKEEP SELF-TEST: PASSED
                box     SITE-<7>
                time    2027-01-31T12:00:00Z

                [ok  ] meters    all 2 are read
                [open] platform  none is configured

                bus1: /dev/serial/by-path/p&q at 9600 8N1

                CIRCUIT  METER  ADDRESS  COUNTER      POWER      BREAKER
                FLAT-1   M-1    bus1/1   101.130 kWh  230.000 W  closed   ok
                HALL     M-2    bus1/2   -            -          -        open

                """)
        let failed = report(failed: true)
        #expect(!failed.isPassed && failed.text.hasPrefix("METERKEEP SELF-TEST: NOT PASSED"))
        #expect(failed.text.contains("[FAIL] meters") && failed.text.contains("MISSING"))
        #expect(failed.text.hasSuffix("WHAT IS LEFT TO DO\n1. meter M-2: it does not answer\n   - check \"A\" & B\n"))
    }

    @Test("as a page: one file that fetches nothing, names are escaped, every tag is closed")
    func page() {
        let page = report(failed: true).page
        #expect(page.contains("SITE-&lt;7&gt;") && page.contains("p&amp;q") && page.contains("&quot;A&quot; &amp; B"))
        #expect(!page.contains("<7>") && !page.contains("src=") && !page.contains("href=") && !page.contains("url("))
        for tag in ["table", "tr", "td", "th", "li", "ul", "ol", "div", "h1", "h2", "body", "html", "style"] {
            let opened = page.ranges(of: "<\(tag)>").count + page.ranges(of: "<\(tag) ").count
            #expect(opened == page.ranges(of: "</\(tag)>").count, "\(tag)")
        }
    }

    @Test("a question is wrapped at words to a phone's width; the prompt shows the usual answer")
    func screen() {
        let question = SetupQuestion(
            .price, title: "Step 5 of 9: prices", lines: ["For all customers; it can be changed for each later."],
            prompt: "Price", usual: "0.5000")
        for width in [10, 40, 80, 200] {
            let lines = SetupScreen.lines(question, news: ["'cheap' is no price; write it like 0.6180."], width: width)
            let limit = min(max(width, SetupScreen.narrowest), SetupScreen.widest)
            #expect(lines.allSatisfy { $0.count < limit + 1 }, "\(lines)")
            #expect(lines.joined(separator: " ").contains("customers;"))
        }
        #expect(SetupScreen.prompt(question) == "Price [0.5000]: ")
    }
}
