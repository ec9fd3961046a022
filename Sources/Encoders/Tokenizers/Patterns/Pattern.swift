/// A regular expression over Unicode scalars, for the patterns in tokenizers' files.
///
/// Matches as Oniguruma (Ruby's syntax) and fancy-regex do: leftmost, first alternative first, with look-around,
/// possessive and lazy loops, `\p{…}`, `(?i:…)`. Swift's own `Regex` takes about ten times as long in Unicode
/// scalar mode, has no bound on its work, and knows a Unicode version of its own only. No captures and no
/// back-references.
struct Pattern: Sendable {
    private let program: PatternProgram

    /// Steps that one search may take for each byte, and besides; an expression that needs more backtracks
    /// without end.
    private static let mostSteps = (perByte: 1_000, besides: 1_000_000)

    init(_ pattern: String, dialect: PatternDialect = .ruby) throws(PatternError) {
        program = try PatternProgram(try PatternParser.parse(pattern, dialect))
    }

    /// All matches in a text, in order, without overlap; an empty one moves the search on by a scalar.
    func matches(in text: UnsafeBufferPointer<UInt8>) throws(PatternError) -> [Range<Int>] {
        var matches: [Range<Int>] = []
        var machine = Machine(
            program: program, text: text,
            steps: text.count * Pattern.mostSteps.perByte + Pattern.mostSteps.besides)
        var start = 0, lastEnd = -1
        while start <= text.count {
            if let end = try machine.run(from: 0, at: start), !(end == start && end == lastEnd) {
                matches.append(start..<end)
                lastEnd = end
                if end > start {
                    start = end
                    continue
                }
            }
            guard start < text.count else { break }
            start += text.scalar(at: start).length
        }
        return matches
    }

    /// The machine's state: where to go on when the current way fails.
    private struct Machine {
        private enum Choice {
            case goOn(address: Int, offset: Int)
            /// A greedy run that can give back scalars down to `least`.
            case giveBack(address: Int, offset: Int, least: Int)
            /// A lazy run that can take more scalars.
            case takeMore(address: Int, offset: Int, set: Int, left: Int)
            case restore(mark: Int, offset: Int)
        }

        let program: PatternProgram
        let text: UnsafeBufferPointer<UInt8>
        var steps: Int
        private var choices: [Choice] = []
        private var marks: [Int]

        init(program: PatternProgram, text: UnsafeBufferPointer<UInt8>, steps: Int) {
            self.program = program
            self.text = text
            self.steps = steps
            marks = [Int](repeating: -1, count: program.marks)
        }

        /// Runs the program from an address; the offset where it accepts, nil when it does not.
        mutating func run(from start: Int, at begin: Int) throws(PatternError) -> Int? {
            let bottom = choices.count
            defer { choices.removeSubrange(bottom...) }
            var address = start, offset = begin
            while true {
                steps -= 1
                guard steps > 0 else {
                    throw PatternError(description: "a regular expression that backtracks without end")
                }
                let isGood: Bool
                switch program.code[address] {
                case .accept: return offset
                case .scalar(let value):
                    if offset < text.count, case let next = text.scalar(at: offset), next.value == value {
                        offset += next.length
                        isGood = true
                    } else {
                        isGood = false
                    }
                case .set(let set):
                    if offset < text.count, case let next = text.scalar(at: offset),
                        program.sets[set].contains(next.value)
                    {
                        offset += next.length
                        isGood = true
                    } else {
                        isGood = false
                    }
                case .run(let set, let minimum, let maximum, let mode):
                    isGood = run(set, minimum, maximum, mode, address, &offset)
                case .fork(let first, let second):
                    choices.append(.goOn(address: second, offset: offset))
                    address = first
                    continue
                case .jump(let target):
                    address = target
                    continue
                case .place(let place): isGood = holds(place, offset)
                case .atomic(let end):
                    if let after = try run(from: address + 1, at: offset) {
                        offset = after
                        address = end
                        continue
                    }
                    isGood = false
                case .look(let back, let isNegative, let end):
                    if try looks(address + 1, back, offset) != isNegative {
                        address = end
                        continue
                    }
                    isGood = false
                case .mark(let mark):
                    choices.append(.restore(mark: mark, offset: marks[mark]))
                    marks[mark] = offset
                    isGood = true
                case .leaveIfUnmoved(let mark, let target):
                    if marks[mark] == offset {
                        address = target
                        continue
                    }
                    isGood = true
                }
                if isGood {
                    address += 1
                } else if !backtrack(to: bottom, &address, &offset) {
                    return nil
                }
            }
        }

        /// Takes up the latest choice above `bottom`; false when there is none.
        private mutating func backtrack(to bottom: Int, _ address: inout Int, _ offset: inout Int) -> Bool {
            while choices.count > bottom, let choice = choices.popLast() {
                switch choice {
                case .goOn(let target, let place):
                    address = target
                    offset = place
                    return true
                case .giveBack(let target, let place, let least):
                    let before = text.scalarStart(before: place)
                    if before > least {
                        choices.append(.giveBack(address: target, offset: before, least: least))
                    }
                    address = target
                    offset = before
                    return true
                case .takeMore(let target, let place, let set, let left):
                    guard left > 0, place < text.count, case let next = text.scalar(at: place),
                        program.sets[set].contains(next.value)
                    else {
                        continue
                    }
                    offset = place + next.length
                    choices.append(.takeMore(address: target, offset: offset, set: set, left: left - 1))
                    address = target
                    return true
                case .restore(let mark, let place): marks[mark] = place
                }
            }
            return false
        }

        private mutating func run(
            _ set: Int, _ minimum: Int, _ maximum: Int, _ mode: LoopMode, _ address: Int,
            _ offset: inout Int
        ) -> Bool {
            let wanted = mode == .lazy ? minimum : maximum
            var taken = 0, least = offset
            while taken < wanted, offset < text.count, case let next = text.scalar(at: offset),
                program.sets[set].contains(next.value)
            {
                offset += next.length
                taken += 1
                if taken == minimum { least = offset }
            }
            steps -= taken / 8
            guard taken >= minimum else { return false }
            switch mode {
            case .greedy where offset > least:
                choices.append(.giveBack(address: address + 1, offset: offset, least: least))
            case .lazy where maximum > minimum:
                choices.append(
                    .takeMore(address: address + 1, offset: offset, set: set, left: maximum - minimum))
            default: break
            }
            return true
        }

        private mutating func looks(_ start: Int, _ back: Int?, _ offset: Int) throws(PatternError) -> Bool {
            var begin = offset
            for _ in 0..<(back ?? 0) {
                guard begin > 0 else { return false }
                begin = text.scalarStart(before: begin)
            }
            return try run(from: start, at: begin) != nil
        }

        private func holds(_ place: PatternPlace, _ offset: Int) -> Bool {
            switch place {
            case .textStart: offset == 0
            case .textEnd: offset == text.count
            case .textEndOrLastNewline:
                offset == text.count || (offset == text.count - 1 && text[offset] == 0x0A)
            case .lineStart:
                offset == 0 || (offset < text.count && text[offset - 1] == 0x0A)
            case .lineEnd: offset == text.count || text[offset] == 0x0A
            case .wordEdge: isWord(before: offset) != isWord(after: offset)
            case .notWordEdge: isWord(before: offset) == isWord(after: offset)
            }
        }

        private func isWord(after offset: Int) -> Bool {
            offset < text.count
                && Unicode.Scalar(text.scalar(at: offset).value).map(ScalarClasses.isWord) ?? false
        }

        private func isWord(before offset: Int) -> Bool {
            offset > 0 && isWord(after: text.scalarStart(before: offset))
        }
    }
}
