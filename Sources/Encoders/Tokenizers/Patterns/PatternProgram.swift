/// A pattern as instructions for a backtracking machine.
struct PatternProgram: Sendable {
    enum Instruction: Sendable {
        case scalar(UInt32)
        case set(Int)
        /// As many scalars of a set as `mode` says; a greedy loop gives back one after the other.
        case run(set: Int, minimum: Int, maximum: Int, mode: LoopMode)
        /// Goes on at the first address, and later at the second.
        case fork(Int, Int)
        case jump(Int)
        case place(PatternPlace)
        /// Runs the program that follows, which ends before `end`, without keeping its choices.
        case atomic(end: Int)
        /// As `atomic`, and returns to where it began. Behind: it starts `back` scalars earlier.
        case look(back: Int?, isNegative: Bool, end: Int)
        /// Notes where a round of a loop begins, and ends the loop when a round took nothing.
        case mark(Int)
        case leaveIfUnmoved(mark: Int, to: Int)
        case accept
    }

    private(set) var code: [Instruction] = []
    private(set) var sets: [ScalarSet] = []
    private(set) var marks = 0

    private static let largestProgram = 20_000

    init(_ node: PatternNode) throws(PatternError) {
        try emit(node)
        code.append(.accept)
    }

    private mutating func add(_ set: ScalarSet) -> Int {
        sets.append(set)
        return sets.count - 1
    }

    private mutating func emit(_ node: PatternNode) throws(PatternError) {
        guard code.count < PatternProgram.largestProgram else {
            throw PatternError(description: "a regular expression that is too large")
        }
        switch node {
        case .empty: break
        case .scalar(let value): code.append(.scalar(value))
        case .set(let set): code.append(.set(add(set)))
        case .place(let place): code.append(.place(place))
        case .sequence(let nodes): for node in nodes { try emit(node) }
        case .choice(let branches):
            var jumps: [Int] = []
            for (index, branch) in branches.enumerated() {
                let isLast = index == branches.count - 1
                let fork = code.count
                if !isLast { code.append(.fork(0, 0)) }
                try emit(branch)
                if !isLast {
                    jumps.append(code.count)
                    code.append(.jump(0))
                    code[fork] = .fork(fork + 1, code.count)
                }
            }
            for jump in jumps { code[jump] = .jump(code.count) }
        case .loop(let body, let minimum, let maximum, let mode):
            try emitLoop(body, minimum, maximum, mode)
        case .atomic(let body):
            let start = code.count
            code.append(.accept)
            try emit(body)
            code.append(.accept)
            code[start] = .atomic(end: code.count)
        case .look(let body, let isAhead, let isNegative):
            var back: Int?
            if !isAhead {
                guard let width = PatternProgram.width(body) else {
                    throw PatternError(description: "a look behind that takes texts of several lengths")
                }
                back = width
            }
            let start = code.count
            code.append(.accept)
            try emit(body)
            code.append(.accept)
            code[start] = .look(back: back, isNegative: isNegative, end: code.count)
        }
    }

    private mutating func emitLoop(
        _ body: PatternNode, _ minimum: Int, _ maximum: Int?, _ mode: LoopMode
    ) throws(PatternError) {
        let single: ScalarSet? =
            switch body {
            case .set(let set): set
            case .scalar(let value): ScalarSet([.range(value, value)])
            default: nil
            }
        if let single {
            let run = Instruction.run(
                set: add(single), minimum: minimum, maximum: maximum ?? .max, mode: mode)
            code.append(run)
            return
        }
        if mode == .possessive {
            try emit(.atomic(.loop(body, minimum: minimum, maximum: maximum, mode: .greedy)))
            return
        }
        for _ in 0..<minimum { try emit(body) }
        func fork(_ first: Int, _ second: Int) -> Instruction {
            mode == .greedy ? .fork(first, second) : .fork(second, first)
        }
        if let maximum {
            var forks: [Int] = []
            for _ in minimum..<maximum {
                forks.append(code.count)
                code.append(.accept)
                try emit(body)
            }
            for address in forks { code[address] = fork(address + 1, code.count) }
        } else {
            let start = code.count, mark = marks
            marks += 1
            code.append(.accept)
            code.append(.mark(mark))
            try emit(body)
            code.append(.leaveIfUnmoved(mark: mark, to: code.count + 2))
            code.append(.jump(start))
            code[start] = fork(start + 1, code.count)
        }
    }

    /// The number of scalars a pattern takes, nil when it varies.
    private static func width(_ node: PatternNode) -> Int? {
        switch node {
        case .empty, .place, .look: return 0
        case .scalar, .set: return 1
        case .atomic(let body): return width(body)
        case .sequence(let nodes):
            var sum = 0
            for node in nodes {
                guard let width = width(node) else { return nil }
                sum += width
            }
            return sum
        case .choice(let branches):
            let widths = branches.map(width)
            guard let first = widths.first, widths.allSatisfy({ $0 == first }) else { return nil }
            return first
        case .loop(let body, let minimum, let maximum, _):
            guard let width = width(body), maximum == minimum else { return nil }
            let (product, overflow) = width.multipliedReportingOverflow(by: minimum)
            return overflow ? nil : product
        }
    }
}
