internal import UplinkHTTP
internal import UplinkProtocol

/// A batch that is made and sent while the one before it is still under way. Readings may arrive in any order; the
/// cursor moves over this batch when its turn has come, and where that does not come it is sent again.
struct BatchAhead: Sendable {
    /// Nil where there was nothing to be sent.
    let made: Task<PlatformClient.Packed?, Never>
    private let sent: Task<SendOutcome?, Never>

    init(client: PlatformClient, making make: @escaping @Sendable () async -> PlatformClient.Packed?) {
        let made = Task { await make() }
        self.made = made
        sent = Task {
            guard let packed = await made.value, !Task.isCancelled else { return nil }
            return await client.send(packed)
        }
    }

    /// What came of it; nil where nothing was sent. Cancelled with the task that asks.
    var outcome: SendOutcome? {
        get async {
            await withTaskCancellationHandler {
                await sent.value
            } onCancel: {
                sent.cancel()
            }
        }
    }

    func cancel() async {
        sent.cancel()
        _ = await sent.value
    }
}
