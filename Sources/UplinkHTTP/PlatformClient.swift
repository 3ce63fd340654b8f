private import AsyncHTTPClient
private import Compression
private import Foundation
private import Metering
private import NIOCore
private import NIOHTTP1
private import Synchronization
public import UplinkProtocol

/// What asking for commands brought.
public enum CommandsOutcome: Hashable, Sendable {
    /// Empty when the wait was over.
    case commands(CommandList)
    /// `retryAfter`: how long the platform asks to be left alone, where it does.
    case failed(String, retryAfter: Duration? = nil)
}

/// Speaks the uplink protocol over HTTPS with a client certificate. Certificates that are replaced on the
/// disk are used from the next request on; what cannot be read changes nothing.
public final class PlatformClient: Sendable {
    private struct State {
        var clients: ClientPair
        var stamps: [FileStamp]
        var dates: CertificateDates
        var problem: UplinkSetupError?
        /// Until the platform says that it does not take it.
        var packs = true
        var sendsColumns = true
        var refusal: String?
    }

    private let address: PlatformAddress
    private let base: String
    private let gateway: String
    private let state: Mutex<State>

    /// How long the platform is asked to hold the line while it has no command.
    public static let commandWaitSeconds = 25
    private static let largestAnswer = 1024 * 1024
    /// What a platform says of a refusal is looked at so far, and shown so far.
    private static let largestRefusal = 16 * 1024
    private static let longestRefusal = 200
    /// Below it gzip gains nothing.
    private static let leastPacked = 512

    /// Checks the address and reads the certificates without connecting.
    public static func check(_ address: PlatformAddress) throws(UplinkSetupError) {
        _ = try address.tls()
        _ = try address.proxyServer()
    }

    /// Reads the certificates; nothing is connected yet.
    public init(address: PlatformAddress, gateway: String) throws(UplinkSetupError) {
        self.address = address
        base = address.url.hasSuffix("/") ? String(address.url.dropLast()) : address.url
        self.gateway = gateway
        state = Mutex(
            State(
                clients: try ClientPair(address), stamps: Self.stamps(address), dates: CertificateDates(address)))
    }

    /// Why the certificates on the disk are not used, where they are not; those read before still are.
    public var certificateProblem: UplinkSetupError? { state.withLock { $0.problem } }

    /// What the platform said, in its own words, when it last refused a batch; nil where it said nothing.
    public var lastRefusal: String? { state.withLock { $0.refusal } }

    public func shutdown() async { await state.withLock { $0.clients }.shutDown() }

    /// A batch as it is sent.
    public struct Packed: Sendable {
        public let batch: Batch
        let body: [UInt8]
        let isGzip: Bool
    }

    /// Takes the work of packing out of the sending: the next batch may be packed while one is under way.
    public func pack(_ batch: Batch) -> Packed {
        let (packs, sendsColumns) = state.withLock { ($0.packs, $0.sendsColumns) }
        let batch = sendsColumns ? batch : batch.asRecords
        let body = batch.bytes.count >= Self.leastPacked && packs ? Gzip.compress(batch.bytes) : nil
        return Packed(batch: batch, body: body ?? batch.bytes, isGzip: body != nil)
    }

    /// Sends a batch once; again where the platform says that it does not take the form or the coding
    /// (RFC 9110, 15.5.16). Said once, that holds until the next start.
    public func send(_ packed: Packed) async -> SendOutcome {
        var packed = packed
        // Either is left out once.
        while true {
            let (outcome, isAboutCoding) = await sendOnce(packed)
            guard case .status(415, _) = outcome else { return outcome }
            if packed.batch.form == .columns, !isAboutCoding {
                state.withLock { $0.sendsColumns = false }
            } else if packed.isGzip {
                state.withLock { $0.packs = false }
            } else {
                return outcome
            }
            packed = pack(packed.batch)
        }
    }

    /// Sends a batch once.
    public func send(_ batch: Batch) async -> SendOutcome { await send(pack(batch)) }

    /// - Returns: with the outcome, whether a 415 names codings in place of the body's: Accept-Encoding says so
    ///   (RFC 9110, 12.5.3).
    private func sendOnce(_ packed: Packed) async -> (SendOutcome, isAboutCoding: Bool) {
        var request = HTTPClientRequest(url: "\(base)/v1/gateways/\(gateway)/batches")
        request.method = .POST
        request.headers.add(name: "Content-Type", value: packed.batch.form.contentType)
        if packed.isGzip { request.headers.add(name: "Content-Encoding", value: "gzip") }
        request.headers.add(name: "Idempotency-Key", value: packed.batch.idempotencyKey)
        // RFC 9530, 2: of the body as it is sent, packed or not.
        let digest = Data(ChainHash.of(packed.body).bytes).base64EncodedString()
        request.headers.add(name: "Content-Digest", value: "sha-256=:\(digest):")
        request.body = .bytes(packed.body)
        let clients = await current()
        do {
            let response = try await clients.batches.execute(request, timeout: ClientPair.uploadTimeout)
            let outcome = try await Self.read(response, answering: packed.batch)
            if case .status = outcome {
                let refusal = await Self.refusal(response)
                state.withLock { $0.refusal = refusal }
            }
            await clients.end()
            return (outcome, response.headers.contains(name: "Accept-Encoding"))
        } catch {
            await clients.end()
            return (.noAnswer(explain(error)), false)
        }
    }

    private static func read(_ response: HTTPClientResponse, answering batch: Batch) async throws -> SendOutcome {
        let status = Int(response.status.code)
        guard (200..<300).contains(status) else {
            return .status(status, retryAfter: retryAfter(response))
        }
        let body = try await response.body.collect(upTo: largestAnswer)
        guard let answer = try? Acknowledgement(bytes: Array(body.readableBytesView), answering: batch) else {
            return .invalidAnswer
        }
        return .acknowledged(answer)
    }

    private static func retryAfter(_ response: HTTPClientResponse) -> Duration? {
        let wall = WallTime(millisecondsSince1970: Int64(Date().timeIntervalSince1970 * 1000))
        return response.headers.first(name: "Retry-After").flatMap { RetryAfter.pause($0, now: wall) }
    }

    /// `{"error": …}`, as the platform of `docs/uplink.md` says it. Whatever else there is, is for nobody.
    private static func refusal(_ response: HTTPClientResponse) async -> String? {
        guard let body = try? await response.body.collect(upTo: largestRefusal),
            let said = try? StrictJSON.parse(Array(body.readableBytesView)).object?["error"]?.string
        else { return nil }
        return String(String(said.prefix(longestRefusal)).map { $0.isNewline ? " " : $0 })
    }

    /// Asks for the commands after a position; returns when there are some, or when the wait is over.
    /// - Parameter notNow: a word for why those that came the last time could not be taken; nil where they could.
    public func commands(after position: Int64, notNow: String? = nil) async -> CommandsOutcome {
        let reason = notNow.map { "&not_now=\($0)" } ?? ""
        let query = "after=\(position)&wait=\(Self.commandWaitSeconds)\(reason)"
        let request = HTTPClientRequest(url: "\(base)/v1/gateways/\(gateway)/commands?\(query)")
        let clients = await current()
        do {
            let response = try await clients.commands.execute(request, timeout: ClientPair.commandTimeout)
            let outcome = try await Self.read(response)
            await clients.end()
            return outcome
        } catch {
            await clients.end()
            return .failed(explain(error))
        }
    }

    private static func read(_ response: HTTPClientResponse) async throws -> CommandsOutcome {
        guard response.status == .ok else {
            return .failed("the platform answered \(response.status.code)", retryAfter: retryAfter(response))
        }
        let body = try await response.body.collect(upTo: largestAnswer)
        do {
            return .commands(try CommandList(json: try StrictJSON.parse(Array(body.readableBytesView))))
        } catch {
            return .failed("the answer is no list of commands: \(error)")
        }
    }

    /// Asks for the certificate that follows the one in use.
    public func renew(_ renewal: RenewalRequest) async throws(EnrolmentProblem) -> IssuedIdentity {
        var request = HTTPClientRequest(url: "\(base)/v1/gateways/\(gateway)/renew")
        request.method = .POST
        request.headers.add(name: "Content-Type", value: "application/json")
        request.body = .bytes(renewal.json.canonicalBytes())
        let clients = await current()
        let answer: (status: Int, bytes: [UInt8])
        do {
            let response = try await clients.commands.execute(request, timeout: ClientPair.uploadTimeout)
            let body = try await response.body.collect(upTo: Self.largestAnswer)
            answer = (Int(response.status.code), Array(body.readableBytesView))
            await clients.end()
        } catch {
            await clients.end()
            throw .noAnswer(url: base, reason: explain(error))
        }
        return try EnrolmentClient.issued(answer.status, answer.bytes, url: base)
    }

    /// The clients for a request, with what the certificates on the disk are by now. `end` must follow.
    private func current() async -> ClientPair {
        let stamps = Self.stamps(address)
        let (clients, replaced) = state.withLock { state -> (ClientPair, ClientPair?) in
            var replaced: ClientPair?
            if state.stamps != stamps {
                state.stamps = stamps
                state.dates = CertificateDates(address)
                do throws(UplinkSetupError) {
                    let fresh = try ClientPair(address)
                    (replaced, state.clients, state.problem) = (state.clients, fresh, nil)
                } catch {
                    state.problem = error
                }
            }
            state.clients.begin()
            return (state.clients, replaced)
        }
        await replaced?.replaced()
        return clients
    }

    private static func stamps(_ address: PlatformAddress) -> [FileStamp] {
        [address.authorityPath, address.certificatePath, address.keyPath].map { FileStamp($0) }
    }

    private func explain(_ error: any Error) -> String {
        Self.explain(error, dates: state.withLock { $0.dates })
    }

    /// Where TLS failed for want of a right clock, the clock is what is named.
    static func explain(_ error: any Error, dates: CertificateDates?) -> String {
        let whole = String(describing: error)
        let text = String(whole.prefix(200))
        guard whole.contains("CERTIFICATE_VERIFY_FAILED") || whole.contains("CERTIFICATE_EXPIRED") else { return text }
        let now = Date()
        if let problem = dates?.problem(at: now) { return "\(problem) [\(text)]" }
        return CertificateDates.doubt(at: now) + text
    }
}
