import Inference

/// Fields that may be missing, but must not be of another type than expected.
extension ConfigurationFields {
    /// A text, the default when it is missing.
    func text(_ name: String, default value: String) throws(ModelError) -> String {
        guard let field = json[name] else { return value }
        guard let text = field.string else { throw .file(file, "\(path)\(name) is no text") }
        return text
    }

    /// A truth value, the default when it is missing.
    func flag(_ name: String, default value: Bool) throws(ModelError) -> Bool {
        guard let field = json[name] else { return value }
        guard let flag = field.bool else { throw .file(file, "\(path)\(name) is neither true nor false") }
        return flag
    }

    /// A number within a range, the default when it is missing.
    func number(
        _ name: String, default value: Double, in range: ClosedRange<Double>
    ) throws(ModelError) -> Double {
        guard let field = json[name] else { return value }
        guard let number = field.number, range.contains(number) else {
            throw .file(
                file, "\(path)\(name) is no number from \(range.lowerBound) to \(range.upperBound)")
        }
        return number
    }

    /// A list of so many numbers, which must be there.
    func numbers(_ name: String, count: Int) throws(ModelError) -> [Double] {
        guard let numbers = json[name]?.numbers, numbers.count == count else {
            throw .file(file, "\(path)\(name) is no list of \(count) numbers")
        }
        return numbers
    }
}
