import Synchronization

/// The small forms of pictures that were looked at last, so that a picture in many pairs is decoded once.
final class RegistrationCache: Sendable {
    private struct State {
        var entries: [Int: PictureRegistration?] = [:]
        var order: [Int] = []
    }

    private let state = Mutex(State())
    private let capacity: Int
    private let make: @Sendable (Int) -> PictureRegistration?

    init(capacity: Int, make: @escaping @Sendable (Int) -> PictureRegistration?) {
        self.capacity = capacity
        self.make = make
    }

    subscript(index: Int) -> PictureRegistration? {
        if let known = state.withLock({ $0.entries[index] }) { return known }
        let made = make(index)
        state.withLock { state in
            if state.entries.updateValue(made, forKey: index) == nil { state.order.append(index) }
            if state.order.count > capacity {
                for old in state.order.prefix(capacity / 2) { state.entries[old] = nil }
                state.order.removeFirst(capacity / 2)
            }
        }
        return made
    }
}
