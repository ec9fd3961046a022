/// A regular expression taken apart.
indirect enum PatternNode: Sendable {
    case empty
    case scalar(UInt32)
    case set(ScalarSet)
    case sequence([PatternNode])
    case choice([PatternNode])
    case loop(PatternNode, minimum: Int, maximum: Int?, mode: LoopMode)
    case look(PatternNode, isAhead: Bool, isNegative: Bool)
    case atomic(PatternNode)
    case place(PatternPlace)
}

/// How often a loop goes on when it may stop.
enum LoopMode: Sendable { case greedy, lazy, possessive }

/// A condition on a place in the text.
enum PatternPlace: Sendable {
    case textStart, textEnd, textEndOrLastNewline, lineStart, lineEnd, wordEdge, notWordEdge
}

/// Which of the regular expression languages a pattern is written in, where they differ.
enum PatternDialect: Sendable {
    /// Oniguruma with Ruby's syntax, as the `tokenizers` library uses it: `^` and `$` stand for line ends, and
    /// `x{1,3}+` is a loop around a loop.
    case ruby
    /// Perl's, as tiktoken uses it: `x{1,3}+` is possessive.
    case perl
}

/// Why a pattern cannot be used, in words.
struct PatternError: Error, Sendable, Equatable, CustomStringConvertible {
    let description: String
}

/// Reads the syntax: a scalar at a time, without going back.
struct PatternParser {
    private let pattern: [Unicode.Scalar]
    private let dialect: PatternDialect
    private var position = 0
    private var depth = 0
    private var foldsCase = false, dotTakesNewline = false, isExtended = false

    private static let deepest = 60
    private static let largestCount = 1000

    /// Parses a whole pattern.
    static func parse(_ pattern: String, _ dialect: PatternDialect) throws(PatternError) -> PatternNode {
        var parser = PatternParser(pattern: Array(pattern.unicodeScalars), dialect: dialect)
        let node = try parser.choice()
        guard parser.position == parser.pattern.count else { throw parser.failure("an unmatched ')'") }
        return node
    }

    private init(pattern: [Unicode.Scalar], dialect: PatternDialect) {
        self.pattern = pattern
        self.dialect = dialect
    }

    private func failure(_ what: String) -> PatternError {
        PatternError(description: "\(what) at character \(position) of the regular expression")
    }

    private var next: Unicode.Scalar? { position < pattern.count ? pattern[position] : nil }

    private mutating func take() throws(PatternError) -> Unicode.Scalar {
        guard let scalar = next else { throw failure("a missing end") }
        position += 1
        return scalar
    }

    private mutating func take(_ text: String) -> Bool {
        let scalars = Array(text.unicodeScalars)
        guard pattern[position...].starts(with: scalars) else { return false }
        position += scalars.count
        return true
    }

    // Choices, sequences, loops

    private mutating func choice() throws(PatternError) -> PatternNode {
        depth += 1
        defer { depth -= 1 }
        guard depth <= PatternParser.deepest else { throw failure("too deep nesting") }
        // `(?i)` inside a group holds to the group's end.
        let before = (foldsCase, dotTakesNewline, isExtended)
        defer { (foldsCase, dotTakesNewline, isExtended) = before }
        var branches = [try sequence()]
        while next == "|" {
            position += 1
            branches.append(try sequence())
        }
        return branches.count == 1 ? branches[0] : .choice(branches)
    }

    private mutating func sequence() throws(PatternError) -> PatternNode {
        var nodes: [PatternNode] = []
        while let scalar = next, scalar != "|", scalar != ")" {
            if isExtended, ScalarClasses.isWhitespace(scalar.value) {
                position += 1
                continue
            }
            nodes.append(try looped(try atom()))
        }
        return nodes.count == 1 ? nodes[0] : .sequence(nodes)
    }

    private mutating func looped(_ atom: PatternNode) throws(PatternError) -> PatternNode {
        var node = atom
        var rounds = 0
        while let (minimum, maximum, isInterval) = try counts() {
            rounds += 1
            guard rounds <= 8 else { throw failure("too many loops around one another") }
            var mode = LoopMode.greedy
            if next == "?", !(isInterval && dialect == .ruby && minimum == maximum) {
                position += 1
                mode = .lazy
            } else if next == "+", !isInterval || dialect == .perl {
                position += 1
                mode = .possessive
            }
            node = .loop(node, minimum: minimum, maximum: maximum, mode: mode)
        }
        return node
    }

    /// What `*`, `+`, `?` or `{n,m}` says; nil, and no move, when none of them comes next.
    private mutating func counts() throws(PatternError) -> (Int, Int?, isInterval: Bool)? {
        switch next {
        case "*": position += 1; return (0, nil, false)
        case "+": position += 1; return (1, nil, false)
        case "?": position += 1; return (0, 1, false)
        case "{":
            let start = position
            position += 1
            let low = try number()
            var high = low, hasComma = false
            if next == "," {
                position += 1
                hasComma = true
                high = try number()
            }
            guard next == "}", low != nil || high != nil else {
                position = start  // a brace that stands for itself
                return nil
            }
            position += 1
            if let low, let high, low > high { throw failure("a loop of at least \(low), at most \(high)") }
            return (low ?? 0, hasComma ? high : low, true)
        default: return nil
        }
    }

    private mutating func number() throws(PatternError) -> Int? {
        var value: Int?
        while let digit = next, digit.value >= 0x30, digit.value <= 0x39 {
            let sum = (value ?? 0) * 10 + Int(digit.value - 0x30)
            guard sum <= PatternParser.largestCount else { throw failure("a count over 1000") }
            value = sum
            position += 1
        }
        return value
    }

    // Atoms

    private mutating func atom() throws(PatternError) -> PatternNode {
        let scalar = try take()
        switch scalar {
        case "(": return try group()
        case "[": return .set(try bracket())
        case ".": return .set(ScalarSet(dotTakesNewline ? [] : [.range(0x0A, 0x0A)], isNegated: true))
        case "^": return .place(dialect == .ruby ? .lineStart : .textStart)
        case "$": return .place(dialect == .ruby ? .lineEnd : .textEnd)
        case "*", "+", "?":
            position -= 1
            throw failure("a loop around nothing")
        case "\\": return try escaped()
        default: return literal(scalar.value)
        }
    }

    private func literal(_ value: UInt32) -> PatternNode {
        guard foldsCase, let scalar = Unicode.Scalar(value), !CaseFolding.variants(of: scalar).isEmpty else {
            return .scalar(value)
        }
        return .set(ScalarSet([.range(value, value)], foldsCase: true))
    }

    private mutating func group() throws(PatternError) -> PatternNode {
        var wrap: (PatternNode) -> PatternNode = { $0 }
        if take("?") {
            if take("=") {
                wrap = { .look($0, isAhead: true, isNegative: false) }
            } else if take("!") {
                wrap = { .look($0, isAhead: true, isNegative: true) }
            } else if take("<=") {
                wrap = { .look($0, isAhead: false, isNegative: false) }
            } else if take("<!") {
                wrap = { .look($0, isAhead: false, isNegative: true) }
            } else if take(">") {
                wrap = { .atomic($0) }
            } else if take("<") || take("P<") {
                while try take() != ">" {}
            } else if take("#") {
                while try take() != ")" {}
                return .empty
            } else if try flags() {
                return .empty
            }
        }
        let before = (foldsCase, dotTakesNewline, isExtended)
        if let inner = pendingFlags {
            (foldsCase, dotTakesNewline, isExtended) = inner
            pendingFlags = nil
        }
        let node = try choice()
        (foldsCase, dotTakesNewline, isExtended) = before
        guard next == ")" else { throw failure("a missing ')'") }
        position += 1
        return wrap(node)
    }

    private var pendingFlags: (Bool, Bool, Bool)?

    /// Reads `i)`, `-i)` or `i:`; true when the flags hold for the rest of the enclosing group, which ends here.
    private mutating func flags() throws(PatternError) -> Bool {
        var value = true
        var inner = (foldsCase, dotTakesNewline, isExtended)
        while true {
            switch try take() {
            case "-": value = false
            case "i": inner.0 = value
            case "s" where dialect == .perl, "m" where dialect == .ruby: inner.1 = value
            case "x": inner.2 = value
            case ":":
                pendingFlags = inner
                return false
            case ")":
                (foldsCase, dotTakesNewline, isExtended) = inner
                return true
            default:
                position -= 1
                throw failure("a group of an unknown kind")
            }
        }
    }

    private mutating func escaped() throws(PatternError) -> PatternNode {
        switch next {
        case "b": position += 1; return .place(.wordEdge)
        case "B": position += 1; return .place(.notWordEdge)
        case "A": position += 1; return .place(.textStart)
        case "z": position += 1; return .place(.textEnd)
        case "Z": position += 1; return .place(.textEndOrLastNewline)
        default: break
        }
        switch try escape() {
        case .scalar(let value): return literal(value)
        case .item(let item): return .set(ScalarSet([item], foldsCase: foldsCase))
        }
    }

    private enum Escape {
        case scalar(UInt32)
        case item(ScalarSet.Item)
    }

    private mutating func escape() throws(PatternError) -> Escape {
        let scalar = try take()
        func not(_ item: ScalarSet.Item) -> Escape { .item(.set(ScalarSet([item], isNegated: true))) }
        switch scalar {
        case "d": return .item(.categories(.decimalNumber))
        case "D": return not(.categories(.decimalNumber))
        case "s": return .item(.whitespace)
        case "S": return not(.whitespace)
        case "w": return .item(.word)
        case "W": return not(.word)
        case "p", "P":
            let item = try property()
            return scalar == "p" ? .item(item) : not(item)
        case "n": return .scalar(0x0A)
        case "r": return .scalar(0x0D)
        case "t": return .scalar(0x09)
        case "f": return .scalar(0x0C)
        case "v": return .scalar(0x0B)
        case "a": return .scalar(0x07)
        case "e": return .scalar(0x1B)
        case "0": return .scalar(0)
        case "x":
            if next == "{" {
                position += 1
                var digits: [Unicode.Scalar] = []
                while let digit = next, digit != "}" {
                    digits.append(digit)
                    position += 1
                }
                position += 1
                return .scalar(try hexadecimal(digits))
            }
            return .scalar(try hexadecimal(try digits(2)))
        case "u": return .scalar(try hexadecimal(try digits(4)))
        default:
            guard scalar.isASCII, !scalar.properties.isAlphabetic, scalar.properties.numericType == nil else {
                position -= 1
                throw failure("the unknown escape '\\\(scalar)'")
            }
            return .scalar(scalar.value)
        }
    }

    private mutating func digits(_ count: Int) throws(PatternError) -> [Unicode.Scalar] {
        var digits: [Unicode.Scalar] = []
        for _ in 0..<count { digits.append(try take()) }
        return digits
    }

    private func hexadecimal(_ digits: [Unicode.Scalar]) throws(PatternError) -> UInt32 {
        guard (1...6).contains(digits.count),
            let value = UInt32(String(String.UnicodeScalarView(digits)), radix: 16),
            Unicode.Scalar(value) != nil
        else {
            throw failure("a wrong character number")
        }
        return value
    }

    private mutating func property() throws(PatternError) -> ScalarSet.Item {
        var name = "", isNegated = false
        if next == "{" {
            position += 1
            if next == "^" {
                position += 1
                isNegated = true
            }
            while true {
                let scalar = try take()
                if scalar == "}" { break }
                name.unicodeScalars.append(scalar)
            }
        } else {
            name.unicodeScalars.append(try take())
        }
        let item: ScalarSet.Item
        switch name {
        case "Han", "Script=Han", "sc=Han": item = .han
        case "White_Space", "space": item = .whitespace
        default:
            let bare = name.replacing("gc=", with: "").replacing("General_Category=", with: "")
            guard let categories = CategorySet.named(bare) else {
                throw failure("the unknown property '\(name)'")
            }
            item = .categories(categories)
        }
        return isNegated ? .set(ScalarSet([item], isNegated: true)) : item
    }

    // [sets]

    private mutating func bracket() throws(PatternError) -> ScalarSet {
        depth += 1
        defer { depth -= 1 }
        guard depth <= PatternParser.deepest else { throw failure("too deep nesting") }
        var isNegated = false
        if next == "^" {
            position += 1
            isNegated = true
        }
        var items: [ScalarSet.Item] = [], left: ScalarSet?
        var isFirst = true
        while true {
            let scalar = try take()
            if scalar == "]", !isFirst { break }
            isFirst = false
            if scalar == "&", next == "&" {
                position += 1
                let part = ScalarSet(items)
                left = left.map { ScalarSet([.intersection($0, part)]) } ?? part
                items = []
                continue
            }
            var low: UInt32
            switch scalar {
            case "[":
                if next == ":" { items.append(try posixClass()) } else { items.append(.set(try bracket())) }
                continue
            case "\\":
                if next == "b" {
                    position += 1
                    low = 8
                    break
                }
                switch try escape() {
                case .item(let item):
                    items.append(item)
                    continue
                case .scalar(let value): low = value
                }
            default: low = scalar.value
            }
            var high = low
            if next == "-", position + 1 < pattern.count, pattern[position + 1] != "]" {
                position += 1
                let end = try take()
                if end == "\\" {
                    guard case .scalar(let value) = try escape() else { throw failure("a range to a set") }
                    high = value
                } else {
                    high = end.value
                }
                guard low <= high else { throw failure("a range that ends before it begins") }
            }
            items.append(.range(low, high))
        }
        if let left { items = [.intersection(left, ScalarSet(items))] }
        return ScalarSet(items, isNegated: isNegated, foldsCase: foldsCase)
    }

    private mutating func posixClass() throws(PatternError) -> ScalarSet.Item {
        position += 1
        let isNegated = take("^")
        var name = ""
        while let scalar = next, scalar != ":" {
            name.unicodeScalars.append(scalar)
            position += 1
        }
        guard take(":]") else { throw failure("an unfinished [:class:]") }
        let item: ScalarSet.Item
        switch name {
        case "alpha": item = .categories(.letters.union(.marks))
        case "digit": item = .categories(.decimalNumber)
        case "alnum": item = .categories(.letters.union(.marks).union(.decimalNumber))
        case "space": item = .whitespace
        case "upper": item = .categories(.uppercaseLetter)
        case "lower": item = .categories(.lowercaseLetter)
        case "punct": item = .categories(.punctuation.union(.symbols))
        case "cntrl": item = .categories(.control)
        case "word": item = .word
        default: throw failure("the unknown class [:\(name):]")
        }
        return isNegated ? .set(ScalarSet([item], isNegated: true)) : item
    }
}
