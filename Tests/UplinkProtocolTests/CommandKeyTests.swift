import Metering
import Testing
import UplinkProtocol

/// Made with OpenSSL 3.0 from the key whose 32 bytes are 0, 1, … 31; docs/uplink.md, section 8.
private let publicKey = """
    -----BEGIN PUBLIC KEY-----
    MCowBQYDK2VwAyEAA6EHv/POEL4dcN0Y50vAmWfk1jCbpQ1fHdyGZBJVMbg=
    -----END PUBLIC KEY-----
    """
private let signature = "j4KBXEF9GrGJYxInaHJsAeLYe8RYkJr/8SD2qxbPHTIeRXUx5YP+SMEbV7hYz/HopT8Dc7BIZDiitrwAeFCvDA=="
private let signed = """
    {"id":"c-0001","kind":"breaker_mode","position":12,"signature":"\(signature)",\
    "breaker_mode":{"mode":"forced_off","circuits":["M-101"]}}
    """

@Suite("Signed commands")
struct CommandKeyTests {
    private let gateway: GatewayID
    private let key: CommandKey

    init() throws {
        gateway = try #require(GatewayID(rawValue: "DEMO-1"))
        key = try #require(CommandKey(pem: publicKey))
    }

    private func isSigned(_ text: String, for gateway: GatewayID? = nil) throws -> Bool {
        key.signed(try Command(json: try StrictJSON.parse(text)), for: gateway ?? self.gateway)
    }

    @Test("the documented vector holds; the position is not signed")
    func vector() throws {
        let command = try Command(json: try StrictJSON.parse(signed))
        #expect(
            String(decoding: command.signedBytes(for: gateway), as: UTF8.self)
                == """
                meterkeep command DEMO-1
                {"breaker_mode":{"circuits":["M-101"],"mode":"forced_off"},"id":"c-0001","kind":"breaker_mode"}
                """)
        #expect(try isSigned(signed))
        #expect(try isSigned(signed.replacing("\"position\":12", with: "\"position\":99")))
    }

    @Test(
        "any other change breaks the signature",
        arguments: [
            ("M-101", "M-102"), ("forced_off", "automatic"), ("c-0001", "c-0002"), ("j4KB", "k4KB"),
            ("\"position\":12", "\"position\":12,\"expires_at_ms\":1"), (",\"signature\":\"\(signature)\"", ""),
            (signature, ""), (signature, "not base64"), ("FCvDA==", "FCvD"),
        ])
    func changed(old: String, new: String) throws {
        try #require(signed.contains(old))
        #expect(try !isSigned(signed.replacing(old, with: new)))
    }

    @Test("a command for another gateway is not signed for this one")
    func otherGateway() throws {
        let other = try #require(GatewayID(rawValue: "DEMO-2"))
        #expect(try !isSigned(signed, for: other))
    }

    @Test("what is no Ed25519 key in PEM form is none")
    func keys() {
        #expect(CommandKey(pem: "") == nil)
        #expect(CommandKey(pem: publicKey.replacing("PUBLIC", with: "PRIVATE")) == nil)
        #expect(CommandKey(pem: publicKey.replacing("MCow", with: "MCox")) == nil)
        #expect(CommandKey(pem: publicKey.replacing("Mbg=", with: "Mb==")) == nil)
        #expect(CommandKey(bytes: [1, 2, 3]) == nil)
    }
}
