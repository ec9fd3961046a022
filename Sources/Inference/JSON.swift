/// A JSON value. Objects keep their members' order out: only names matter here.
package enum JSON: Sendable, Equatable {
    case null
    case bool(Bool)
    case number(Double)
    case string(String)
    case array([JSON])
    case object([String: JSON])

    /// The member of an object, nil when it is missing, null, or this is no object.
    package subscript(_ name: String) -> JSON? {
        guard case .object(let members) = self, let value = members[name], value != .null else { return nil }
        return value
    }

    /// The value as a whole number, exactly.
    package var integer: Int? {
        guard case .number(let value) = self else { return nil }
        return Int(exactly: value)
    }

    /// The value as a number.
    package var number: Double? {
        guard case .number(let value) = self else { return nil }
        return value
    }

    /// The value as text.
    package var string: String? {
        guard case .string(let value) = self else { return nil }
        return value
    }

    /// The value as a truth value.
    package var bool: Bool? {
        guard case .bool(let value) = self else { return nil }
        return value
    }

    /// The value as a list.
    package var array: [JSON]? {
        guard case .array(let values) = self else { return nil }
        return values
    }

    /// The value as a list of numbers; nil when anything in it is none.
    package var numbers: [Double]? {
        guard case .array(let values) = self else { return nil }
        let numbers = values.compactMap(\.number)
        return numbers.count == values.count ? numbers : nil
    }

    /// Reads a whole document from an array.
    package static func parse(_ bytes: [UInt8]) throws(JSONError) -> JSON {
        let outcome = bytes.withUnsafeBytes { bytes -> Result<JSON, JSONError> in
            do throws(JSONError) { return .success(try parse(bytes)) } catch { return .failure(error) }
        }
        return try outcome.get()
    }

    /// Reads a whole document (RFC 8259).
    package static func parse(_ bytes: UnsafeRawBufferPointer) throws(JSONError) -> JSON {
        var scanner = JSONScanner(bytes)
        let value = try scanner.value()
        try scanner.end()
        return value
    }
}

/// Where a JSON document is wrong, and what should have stood there.
package struct JSONError: Error, Sendable, Equatable, CustomStringConvertible {
    package let offset: Int
    package let expected: String
    package var description: String { "not valid JSON: expected \(expected) at byte \(offset)" }
}

/// Walks through a JSON document without building a tree, for large flat maps; every read is bounds-checked.
package struct JSONScanner {
    private let bytes: UnsafeRawBufferPointer
    private var offset = 0
    private var depth = 0
    private static let deepest = 64

    /// Starts at the beginning of a document, which must outlive the scanner.
    package init(_ bytes: UnsafeRawBufferPointer) { self.bytes = bytes }

    /// An error at the current place, for callers with expectations of their own.
    package func failure(_ expected: String) -> JSONError { JSONError(offset: offset, expected: expected) }

    private mutating func skipSpace() {
        while offset < bytes.count {
            switch bytes[offset] {
            case 0x20, 0x0A, 0x0D, 0x09: offset += 1
            default: return
            }
        }
    }

    private mutating func next() -> UInt8? {
        skipSpace()
        return offset < bytes.count ? bytes[offset] : nil
    }

    private mutating func take(_ character: Character, _ expected: String) throws(JSONError) {
        guard let byte = next(), byte == character.asciiValue else { throw failure(expected) }
        offset += 1
    }

    /// Requires that nothing but white space is left.
    package mutating func end() throws(JSONError) {
        if next() != nil { throw failure("the end") }
    }

    /// Calls `body` for each member of an object, which reads the value; names come as UTF-8 without escapes.
    package mutating func members(
        _ body: (_ name: [UInt8], _ scanner: inout JSONScanner) throws(JSONError) -> Void
    ) throws(JSONError) {
        try take("{", "an object")
        if next() == UInt8(ascii: "}") {
            offset += 1
            return
        }
        var name: [UInt8] = []
        while true {
            try text(into: &name)
            try take(":", "':'")
            try body(name, &self)
            switch next() {
            case UInt8(ascii: ","): offset += 1
            case UInt8(ascii: "}"):
                offset += 1
                return
            default: throw failure("',' or '}'")
            }
        }
    }

    /// Calls `body` for each element of an array, which reads it.
    package mutating func elements(
        _ body: (_ scanner: inout JSONScanner) throws(JSONError) -> Void
    ) throws(JSONError) {
        try take("[", "an array")
        if next() == UInt8(ascii: "]") {
            offset += 1
            return
        }
        while true {
            try body(&self)
            switch next() {
            case UInt8(ascii: ","): offset += 1
            case UInt8(ascii: "]"):
                offset += 1
                return
            default: throw failure("',' or ']'")
            }
        }
    }

    /// Whether an array, rather than something else, comes next.
    package mutating func startsArray() -> Bool { next() == UInt8(ascii: "[") }

    /// Reads a whole number of at most 18 digits.
    package mutating func integer() throws(JSONError) -> Int {
        var negative = false
        if next() == UInt8(ascii: "-") {
            negative = true
            offset += 1
        }
        var value = 0, digits = 0
        while offset < bytes.count, bytes[offset] >= 0x30, bytes[offset] <= 0x39, digits < 18 {
            value = value * 10 + Int(bytes[offset] - 0x30)
            offset += 1
            digits += 1
        }
        guard digits > 0 else { throw failure("a whole number") }
        if offset < bytes.count {
            switch bytes[offset] {
            case 0x30...0x39, UInt8(ascii: "."), UInt8(ascii: "e"), UInt8(ascii: "E"):
                throw failure("a whole number of at most 18 digits")
            default: break
            }
        }
        return negative ? -value : value
    }

    /// Reads a string as UTF-8 without escapes into `text`, replacing what it held.
    package mutating func text(into text: inout [UInt8]) throws(JSONError) {
        try take("\"", "a string")
        text.removeAll(keepingCapacity: true)
        while offset < bytes.count {
            let start = offset
            while offset < bytes.count, bytes[offset] != 0x22, bytes[offset] != 0x5C, bytes[offset] >= 0x20 {
                offset += 1
            }
            text.append(contentsOf: bytes[start..<offset])
            guard offset < bytes.count else { break }
            switch bytes[offset] {
            case 0x22:
                offset += 1
                return
            case 0x5C: try escape(into: &text)
            default: throw failure("no control character in a string")
            }
        }
        throw failure("the end of a string")
    }

    private mutating func escape(into text: inout [UInt8]) throws(JSONError) {
        offset += 1
        guard offset < bytes.count else { throw failure("an escape sequence") }
        let kind = bytes[offset]
        offset += 1
        switch kind {
        case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): text.append(kind)
        case UInt8(ascii: "b"): text.append(8)
        case UInt8(ascii: "f"): text.append(12)
        case UInt8(ascii: "n"): text.append(10)
        case UInt8(ascii: "r"): text.append(13)
        case UInt8(ascii: "t"): text.append(9)
        case UInt8(ascii: "u"):
            var code = try fourDigits()
            if code >= 0xD800, code < 0xDC00, offset + 1 < bytes.count, bytes[offset] == 0x5C,
                bytes[offset + 1] == 0x75
            {
                offset += 2
                let low = try fourDigits()
                guard low >= 0xDC00, low < 0xE000 else {
                    throw failure("the second half of a surrogate pair")
                }
                code = 0x10000 + ((code - 0xD800) << 10) + (low - 0xDC00)
            }
            guard let scalar = Unicode.Scalar(code) else { throw failure("a surrogate pair") }
            text.append(contentsOf: Array(String(scalar).utf8))
        default:
            offset -= 1
            throw failure("an escape sequence")
        }
    }

    private mutating func fourDigits() throws(JSONError) -> UInt32 {
        var value: UInt32 = 0
        for _ in 0..<4 {
            guard offset < bytes.count, let digit = Character(Unicode.Scalar(bytes[offset])).hexDigitValue
            else {
                throw failure("four hexadecimal digits")
            }
            value = value << 4 | UInt32(digit)
            offset += 1
        }
        return value
    }

    /// Reads any value as a tree; nesting is limited to 64 levels, and a name must not occur twice in an
    /// object.
    package mutating func value() throws(JSONError) -> JSON {
        guard let byte = next() else { throw failure("a value") }
        depth += 1
        defer { depth -= 1 }
        guard depth <= JSONScanner.deepest else {
            throw failure("at most \(JSONScanner.deepest) levels of nesting")
        }
        switch byte {
        case UInt8(ascii: "{"):
            var result: [String: JSON] = [:]
            try members { (name, scanner) throws(JSONError) in
                let value = try scanner.value()
                guard let name = String(validating: name, as: UTF8.self) else {
                    throw scanner.failure("a name in UTF-8")
                }
                guard result.updateValue(value, forKey: name) == nil else {
                    throw scanner.failure("the name '\(name)' only once")
                }
            }
            return .object(result)
        case UInt8(ascii: "["):
            var result: [JSON] = []
            try elements { (scanner) throws(JSONError) in result.append(try scanner.value()) }
            return .array(result)
        case UInt8(ascii: "\""):
            var text: [UInt8] = []
            try self.text(into: &text)
            guard let string = String(validating: text, as: UTF8.self) else { throw failure("text in UTF-8") }
            return .string(string)
        case UInt8(ascii: "t"): return try word("true", .bool(true))
        case UInt8(ascii: "f"): return try word("false", .bool(false))
        case UInt8(ascii: "n"): return try word("null", .null)
        default: return try number()
        }
    }

    /// Reads any value and forgets it.
    package mutating func skipValue() throws(JSONError) { _ = try value() }

    private mutating func word(_ word: StaticString, _ value: JSON) throws(JSONError) -> JSON {
        for index in 0..<word.utf8CodeUnitCount {
            guard offset < bytes.count, bytes[offset] == word.utf8Start[index] else {
                throw failure("'\(word)'")
            }
            offset += 1
        }
        return value
    }

    private mutating func number() throws(JSONError) -> JSON {
        let start = offset
        func fail(_ scanner: inout JSONScanner) -> JSONError {
            scanner.offset = start
            return scanner.failure("a value")
        }
        skip("-")
        let whole = skipDigits()
        // No number but 0 itself starts with a 0.
        guard whole > 0, whole == 1 || bytes[offset - whole] != UInt8(ascii: "0") else { throw fail(&self) }
        if skip(".") {
            guard skipDigits() > 0 else { throw fail(&self) }
        }
        if skip("e") || skip("E") {
            if !skip("+") { skip("-") }
            guard skipDigits() > 0 else { throw fail(&self) }
        }
        let text = String(decoding: bytes[start..<offset], as: UTF8.self)
        guard let value = Double(text), value.isFinite else { throw fail(&self) }
        return .number(value)
    }

    /// Moves over a character if it comes next.
    @discardableResult private mutating func skip(_ character: Character) -> Bool {
        guard offset < bytes.count, bytes[offset] == character.asciiValue else { return false }
        offset += 1
        return true
    }

    /// Moves over digits and tells how many there were.
    private mutating func skipDigits() -> Int {
        let start = offset
        while offset < bytes.count, (0x30...0x39).contains(bytes[offset]) { offset += 1 }
        return offset - start
    }
}
