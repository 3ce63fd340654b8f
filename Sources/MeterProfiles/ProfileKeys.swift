/// The keys of a profile file, by the mapping they stand in. The reader knows no others; the schema for
/// editors in `etc/schema` is held to them.
public enum ProfileKeys {
    public static let profile = [
        "id", "title", "source", "verified", "commodity", "serial", "limits", "defaults", "registers", "billing",
        "identify", "resembles", "relay", "settings",
    ]
    public static let serial = ["baud", "format"]
    public static let limits = ["registers_per_read", "request_gap_ms", "allows_gaps", "response_timeout_ms"]
    public static let defaults = ["table", "encoding", "order"]
    public static let register = [
        "channel", "address", "table", "encoding", "order", "scale", "unit", "poll", "invalid", "bits",
        "scale_register",
    ]
    public static let scaleRegister = ["address", "means"]
    public static let billing = ["channel", "step", "modulus"]
    public static let identification = ["table", "address", "equals"]
    public static let relay = ["power_up", "travel_s", "coils", "all_coil", "inverted", "open", "close", "readback"]
    public static let relayWrite = ["coil", "register", "value", "values"]
    public static let readback = ["table", "address", "mask", "closed"]
    public static let setting = [
        "name", "table", "address", "encoding", "order", "scale", "unit", "clock", "write", "from", "to", "factory",
    ]
    /// The words for `table`.
    public static let tables = ["coil", "discrete", "holding", "input"]
    /// The words for `unit`.
    public static let units = RegisterTableReader.units.keys.sorted()
}
