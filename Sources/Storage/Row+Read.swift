internal import GRDB

extension Row {
    /// The value of a column, or nil where it is NULL or of another type: a damaged file must not trap.
    func read<Value: DatabaseValueConvertible>(_ column: String, as _: Value.Type = Value.self) -> Value? {
        guard let value: DatabaseValue = self[column] else { return nil }
        return Value.fromDatabaseValue(value)
    }

    /// The value of a column that is never NULL in a sound file.
    func need<Value: DatabaseValueConvertible>(_ column: String, as _: Value.Type = Value.self) throws -> Value {
        guard let value = read(column, as: Value.self) else {
            throw DamagedContent("the column \(column) cannot be read")
        }
        return value
    }
}
