public import Imaging
public import SystemPackage

/// Which pictures a question is about, by what the catalog knows of their files.
///
/// Every condition that is set must hold. The default accepts every picture.
public struct PictureFilter: Sendable, Equatable {
    /// Only files at or below these paths, when there are any.
    public var folders: [FilePath] = []
    /// Only files in these formats (as their bytes say, not their names), when there are any.
    public var formats: Set<ImageFormat> = []
    /// Only pictures taken in this period or later; those that do not say when count by their file's modification.
    public var since: DatePrefix?
    /// Only pictures taken in this period or earlier; those that do not say when count by their file's modification.
    public var until: DatePrefix?
    /// Only files of at least so many bytes.
    public var minimumSize: Int64?
    /// Only files of at most so many bytes.
    public var maximumSize: Int64?

    /// A filter that accepts everything.
    public init() {}

    /// Whether every picture is accepted.
    public var isEmpty: Bool { self == PictureFilter() }
}

/// A year, month, day, or moment as a person writes it: `2024`, `2024-06`, `2024-06-30`, `2024-06-30T18:05` or
/// with seconds.
///
/// It stands for the whole of what it leaves open, in the time of the camera's clock.
public struct DatePrefix: Sendable, Equatable {
    /// The date in the form `YYYY-MM-DDThh:mm:ss` or a beginning of it.
    public let text: String

    /// Reads a date; nil when it is none. A blank may stand for the T.
    public init?(_ text: String) {
        let lengths = [4, 7, 10, 16, 19]
        let bytes = Array(text.utf8)
        guard lengths.contains(bytes.count) else { return nil }
        var fields: [Int] = []
        var value = 0
        for (index, byte) in bytes.enumerated() {
            switch index {
            case 4, 7: guard byte == UInt8(ascii: "-") else { return nil }
            case 10: guard byte == UInt8(ascii: "T") || byte == UInt8(ascii: " ") else { return nil }
            case 13, 16: guard byte == UInt8(ascii: ":") else { return nil }
            default:
                guard (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) else { return nil }
                value = value * 10 + Int(byte - UInt8(ascii: "0"))
                continue
            }
            fields.append(value)
            value = 0
        }
        fields.append(value)
        let days = fields.count > 1 ? Self.days(year: fields[0], month: fields[1]) : 31
        let limits = [0...9999, 1...12, 1...days, 0...23, 0...59, 0...60]
        guard zip(fields, limits).allSatisfy({ $1.contains($0) }) else { return nil }
        self.text = text.replacing(" ", with: "T")
    }

    private static func days(year: Int, month: Int) -> Int {
        let isLeap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)
        return month == 2 ? (isLeap ? 29 : 28) : [4, 6, 9, 11].contains(month) ? 30 : 31
    }
}
