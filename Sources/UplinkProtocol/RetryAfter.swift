public import Metering

/// The header Retry-After in both of its forms (RFC 9110, 10.2.3).
public enum RetryAfter {
    /// The pause it asks for; nil where it is neither seconds nor a date. A date that has passed is no pause.
    public static func pause(_ text: String, now: WallTime) -> Duration? {
        if let seconds = Int64(text), seconds >= 0 { return .seconds(min(seconds, 1_000_000_000)) }
        guard let date = date(text) else { return nil }
        return max(.zero, date - now)
    }

    /// A pause beyond this is not believed.
    public static let longest: Duration = .seconds(3600)

    /// The pause that is made where this one is asked for.
    public static func honoured(_ pause: Duration) -> Duration { min(max(pause, UplinkSession.firstBackOff), longest) }

    private static let months = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]

    /// `Sun, 06 Nov 1994 08:49:37 GMT`
    private static func date(_ text: String) -> WallTime? {
        let words = text.split(separator: " ")
        guard words.count == 6, words[5] == "GMT", let day = Int(words[1]),
            let month = months.firstIndex(of: String(words[2])), let year = Int(words[3]),
            let date = CivilDate(year: year, month: month + 1, day: day)
        else { return nil }
        let time = words[4].split(separator: ":").compactMap { Int64($0) }
        guard time.count == 3, (0...23).contains(time[0]), (0...59).contains(time[1]), (0...60).contains(time[2]) else {
            return nil
        }
        let seconds = Int64(date.daysSince1970) * 86_400 + time[0] * 3600 + time[1] * 60 + time[2]
        return WallTime(millisecondsSince1970: seconds * 1000)
    }
}
