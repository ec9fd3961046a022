import Synchronization

/// What was made of the pictures that were looked at last, so that a picture in many pairs is decoded once.
final class PictureCache<Value: Sendable>: Sendable {
    private struct State {
        var entries: [Int: Value?] = [:]
        var order: [Int] = []
    }

    private let state = Mutex(State())
    private let capacity: Int
    private let make: @Sendable (Int) -> Value?

    init(capacity: Int, make: @escaping @Sendable (Int) -> Value?) {
        self.capacity = capacity
        self.make = make
    }

    /// What is made of a picture; nil when it cannot be.
    subscript(index: Int) -> Value? {
        if let known = state.withLock({ $0.entries[index] }) { return known }
        let made = make(index)
        keep(made, of: index)
        return made
    }

    /// Puts in what was made elsewhere.
    func keep(_ value: Value?, of index: Int) {
        state.withLock { state in
            if state.entries.updateValue(value, forKey: index) == nil { state.order.append(index) }
            if state.order.count > capacity {
                for old in state.order.prefix(capacity / 2) { state.entries[old] = nil }
                state.order.removeFirst(capacity / 2)
            }
        }
    }
}
