/// Two pictures that were found to be copies, and how that was told.
struct CopyMatch: Sendable {
    /// Positions of the two in the list that was searched.
    let first: Int, second: Int
    /// What kind of copy they are.
    let level: CopyLevel
    /// How well their pixels agree, 0 to 1.
    let agreement: Float
    /// What was done to one to get the other, for people: "rotated 90°, 60 % crop"; empty when nothing can be told.
    let evidence: String
    /// The position of the one that is the other with something plain around it, and shows no more of it; nil when neither is.
    let framed: Int?
    /// The position of the one that is the other with words or a mark laid over a part of it; nil when neither is.
    let marked: Int?
}

/// Two positions in a list, in either order.
struct PicturePair: Hashable, Sendable {
    let first: Int, second: Int

    init(_ a: Int, _ b: Int) {
        first = min(a, b)
        second = max(a, b)
    }
}
