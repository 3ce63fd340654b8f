internal import Metering
internal import Prepaid

extension TimerWindow {
    /// `ACTION DAY NUMBER FROM UNTIL`: the action `on`, `off` or `night_mode:` and a cap in mW; the day in days
    /// and the times in milliseconds since 1970.
    var text: String {
        let action =
            switch action {
            case .on: "on"
            case .off: "off"
            case .nightMode(let cap): "night_mode:\(cap)"
            }
        return "\(action) \(day.daysSince1970) \(number) \(from.millisecondsSince1970) \(until.millisecondsSince1970)"
    }

    /// Nil for anything else: the window in force is then found anew.
    init?(text: String) {
        let words = text.split(separator: " ")
        guard words.count == 5, let action = TimerAction(text: words[0]), let day = Int(words[1]),
            let number = Int(words[2]), let from = Int64(words[3]), let until = Int64(words[4])
        else { return nil }
        self.init(
            action: action, day: CivilDate(daysSince1970: day), number: number,
            from: WallTime(millisecondsSince1970: from), until: WallTime(millisecondsSince1970: until))
    }
}

extension TimerAction {
    fileprivate init?(text: Substring) {
        switch text {
        case "on": self = .on
        case "off": self = .off
        default:
            guard text.hasPrefix("night_mode:"), let cap = Int64(text.dropFirst("night_mode:".count)) else {
                return nil
            }
            self = .nightMode(capMilliwatts: cap)
        }
    }
}
