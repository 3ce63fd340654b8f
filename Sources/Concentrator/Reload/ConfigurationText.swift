/// A configuration with the text that says so.
public struct ConfigurationText: Sendable {
    public let configuration: GatewayConfiguration
    public let text: String

    public init(configuration: GatewayConfiguration, text: String) {
        self.configuration = configuration
        self.text = text
    }
}
