internal import Concentrator
internal import ConfigurationReader
internal import FieldBus
internal import MeterProfiles
internal import Metering
internal import Storage
internal import UplinkProtocol

/// What reads bytes from outside, with what must hold whatever the bytes are; beside that, nothing may trap.
public enum ReaderCheck: String, CaseIterable, Sendable, CustomStringConvertible {
    case json
    case command
    case batch
    case answerFrame = "answer_frame"
    case configuration
    case profile
    case importFile = "import_file"
    case pairingCode = "pairing_code"

    public var description: String { rawValue }

    /// What does not hold; nil where all does.
    public func problem(with bytes: [UInt8]) -> String? {
        switch self {
        case .json: Self.json(bytes)
        case .command: Self.command(bytes)
        case .batch: Self.batch(bytes)
        case .answerFrame: Self.answerFrame(bytes)
        case .configuration: Self.configuration(bytes)
        case .profile: Self.profile(bytes)
        case .importFile: Self.importFile(bytes)
        case .pairingCode: Self.pairingCode(bytes)
        }
    }

    /// What was read is written so that it is read again as the same.
    private static func json(_ bytes: [UInt8]) -> String? {
        guard let value = try? StrictJSON.parse(bytes) else { return nil }
        guard let again = try? StrictJSON.parse(value.canonicalBytes()) else { return "its canonical form is not read" }
        return again == value ? nil : "its canonical form is another value"
    }

    /// A command is kept as it came, and what is kept is read as the same command.
    private static func command(_ bytes: [UInt8]) -> String? {
        guard let json = try? StrictJSON.parse(bytes) else { return nil }
        _ = try? CommandList(json: json)
        guard let command = try? Command(json: json) else { return nil }
        guard let kept = try? StrictJSON.parse(command.bytes), let again = try? Command(json: kept) else {
            return "what is kept of it is not read"
        }
        return again == command ? nil : "what is kept of it is another command"
    }

    private static func batch(_ bytes: [UInt8]) -> String? {
        guard let batch = try? Batch(bytes: bytes) else { return nil }
        guard batch.first <= batch.last, !batch.records.isEmpty else { return "its numbers are in disorder" }
        guard let again = try? Batch(bytes: batch.bytes) else { return "its bytes are not read" }
        return again.idempotencyKey == batch.idempotencyKey ? nil : "the same batch has two keys"
    }

    /// Bytes from the line, in pieces as the first byte says: registers are believed only from a sealed frame of the
    /// right unit and function, however the pieces fall.
    private static func answerFrame(_ bytes: [UInt8]) -> String? {
        guard let read = ReadRequest(table: .holding, address: 0, count: 2), let first = bytes.first else { return nil }
        let request = RTUFrame.request(unit: 1, read: read)
        let content = bytes.dropFirst()
        var whole = AnswerAssembler(request: request, expected: .values(read))
        var state = whole.take(content)
        if case .waiting = state { state = whole.stateAtSilence() }
        var pieces = AnswerAssembler(request: request, expected: .values(read))
        var rest = content
        while !rest.isEmpty {
            let piece = rest.prefix(Int(first % 16) + 1)
            rest = rest.dropFirst(piece.count)
            if case .done = pieces.take(piece) { break }
        }
        guard case .done(let words) = state else { return nil }
        guard words.count == 2 else { return "\(words.count) registers instead of 2" }
        let answer: [UInt8] = [1, 3, 4] + words.flatMap { [UInt8($0 >> 8), UInt8($0 & 0xFF)] }
        let sealed = answer + RTUFrame.crc(answer)
        let isThere = content.indices.contains { content[$0...].starts(with: sealed) }
        return isThere ? nil : "registers were believed that no sealed frame has"
    }

    /// A configuration that is taken has what the daemon relies on; one that is not has a remedy for every problem.
    private static func configuration(_ bytes: [UInt8]) -> String? {
        do {
            let read = try GatewayConfiguration(file: "gateway.yaml", text: String(decoding: bytes, as: UTF8.self))
            return (1...8).contains(read.buses.count) ? nil : "\(read.buses.count) buses"
        } catch { return remedies(error) }
    }

    private static func profile(_ bytes: [UInt8]) -> String? {
        let text = String(decoding: bytes, as: UTF8.self)
        // A profile's file has its name.
        let line = text.split(whereSeparator: \.isNewline).first { $0.hasPrefix("id: ") }
        let name = line?.dropFirst("id: ".count) ?? "none"
        do {
            let read = try ProfileLibrary(files: [("\(name).yaml", text)])
            let unread = read.all.flatMap(\.settings).first { $0.request == nil }
            return unread.map { "\($0.name) cannot be read" }
        } catch { return remedies(error) }
    }

    private static func importFile(_ bytes: [UInt8]) -> String? {
        guard let bus = BusID(rawValue: "bus1"), let profiles = models else {
            return "its own model is not read"
        }
        do {
            let plan = try SiteImport(
                file: "meters.csv", text: String(decoding: bytes, as: UTF8.self), profiles: profiles, buses: [bus])
            let addresses = Set(plan.site.meters.map(\.address))
            return addresses.count == plan.site.meters.count ? nil : "two meters have one address"
        } catch { return remedies(error) }
    }

    private static let models = try? ProfileLibrary(files: [("m.yaml", model)])
    private static let model = """
        id: m
        title: A meter with a relay
        source: made for these checks
        verified: true
        commodity: electricity
        serial: { baud: 9600, format: 8N1 }
        limits: { registers_per_read: 20, response_timeout_ms: 300 }
        registers:
          - { channel: energy_import, address: 0x0000, encoding: u32, scale: 0.01, unit: kWh }
        billing: { channel: energy_import, step: 10, modulus: 1000000000 }
        settings:
          - { name: ct_ratio, address: 0x0050, from: 1, to: 1000, write: single }
        """

    /// What is read is a code that is read again.
    private static func pairingCode(_ bytes: [UInt8]) -> String? {
        guard let code = try? PairingCode(String(decoding: bytes, as: UTF8.self)) else { return nil }
        return (try? PairingCode(code.text)) == code ? nil : "its text is another code"
    }

    private static func remedies(_ problems: ConfigurationProblems) -> String? {
        if problems.problems.isEmpty { return "it is refused without a reason" }
        let silent = problems.problems.first { $0.what.isEmpty || $0.remedy.isEmpty }
        return silent.map { "a problem without a remedy: \($0)" }
    }
}
