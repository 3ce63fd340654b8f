public import Metering
private import Synchronization

/// The mailboxes of the buses that there are now: a configuration that is read anew adds and removes some.
public final class BusMailboxes: Sendable, ExpressibleByDictionaryLiteral {
    private let kept: Mutex<[BusID: BusMailbox]>

    public init(_ mailboxes: [BusID: BusMailbox]) { kept = Mutex(mailboxes) }

    public convenience init(dictionaryLiteral elements: (BusID, BusMailbox)...) {
        self.init(Dictionary(elements) { first, _ in first })
    }

    public subscript(bus: BusID) -> BusMailbox? { kept.withLock { $0[bus] } }

    var all: [BusID: BusMailbox] { kept.withLock { $0 } }
    var values: [BusMailbox] { Array(all.values) }

    /// Nil takes the bus away. Returns what was there.
    @discardableResult
    func replace(_ bus: BusID, with mailbox: BusMailbox?) -> BusMailbox? {
        kept.withLock { kept in
            let old = kept.removeValue(forKey: bus)
            kept[bus] = mailbox
            return old
        }
    }
}
