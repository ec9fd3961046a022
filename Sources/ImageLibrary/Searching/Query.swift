public import Encoders
import GRDB
public import Imaging
public import SystemPackage
import SystemSupport
public import VectorIndex

/// A question to the index: pictures and words, each with a weight; negative weights push away.
public struct Query: Sendable {
    /// One part of a question.
    public struct Part: Sendable {
        /// What the part is.
        public enum Subject: Sendable {
            /// Words.
            case text(String)
            /// A picture file, in the index or not.
            case picture(FilePath)
            /// The bytes of a picture, with the name messages call it by.
            case bytes([UInt8], name: String)
        }

        /// What is asked for.
        public let subject: Subject
        /// How much it counts; negative to subtract.
        public let weight: Float

        /// Makes a part.
        public init(_ subject: Subject, weight: Float = 1) {
            self.subject = subject
            self.weight = weight
        }
    }

    /// The parts.
    public var parts: [Part]
    /// How many files are wanted.
    public var top: Int
    /// The lowest cosine similarity that counts as found.
    public var minimum: Float?
    /// Which pictures may be found.
    public var filter: PictureFilter
    /// Whether every vector is compared, instead of only the likely ones.
    public var isExact: Bool
    /// What decoding a query picture may cost.
    public var limits: DecodeLimits

    /// Makes a question.
    public init(
        _ parts: [Part], top: Int = 10, minimum: Float? = nil, filter: PictureFilter = PictureFilter(),
        isExact: Bool = false,
        limits: DecodeLimits = DecodeLimits()
    ) {
        self.parts = parts
        self.top = top
        self.minimum = minimum
        self.filter = filter
        self.isExact = isExact
        self.limits = limits
    }

    /// Whether the calibrated figure is about pictures against words (all parts are words) or against pictures.
    var isTextOnly: Bool {
        parts.allSatisfy { if case .text = $0.subject { true } else { false } }
    }
}

/// A file that a question found.
public struct Hit: Sendable {
    /// Where the file stands.
    public let path: FilePath
    /// Cosine similarity to the question, -1 to 1.
    public let score: Float
    /// The share of random pairs that score lower, 0 to 1; nil when the model gives no scale for it.
    public let calibrated: Float?
    /// The number of the content in the index.
    public let id: UInt64
}

extension LibraryReader {
    /// The vector of a question: the weighted sum of its parts' unit vectors, made a unit vector again.
    ///
    /// A picture that is in the index and has not changed since gives its stored vector: no decoding and no
    /// model. `model` is only called when a tower is needed, `onEarlyEnd` for each picture whose file ends early.
    public func vector(
        of query: Query, record: ModelRecord, snapshot: VectorSnapshot, model: () throws -> Model,
        onEarlyEnd: @escaping @Sendable (FilePath) -> Void = { _ in }
    ) throws -> [Float] {
        func maker() throws -> VectorMaker {
            VectorMaker(model: try model(), limits: query.limits, onEarlyEnd: onEarlyEnd)
        }
        var sum = [Float](repeating: 0, count: record.dimension)
        for part in query.parts {
            let vector: [Float] =
                switch part.subject {
                case .text(let text): try maker().text(text)
                case .bytes(let bytes, let name): try maker().picture(bytes, name: FilePath(name))
                case .picture(let path): try stored(path, snapshot: snapshot) ?? maker().picture(path)
                }
            for index in sum.indices { sum[index] += part.weight * vector[index] }
        }
        let norm = sum.reduce(Float(0)) { $0 + $1 * $1 }.squareRoot()
        guard norm > 1e-6 else { throw LibraryError.emptyQuery }
        return sum.map { $0 / norm }
    }

    /// The stored vector of an indexed file that is still the one that was read.
    private func stored(_ path: FilePath, snapshot: VectorSnapshot) throws -> [Float]? {
        guard let file = try file(at: path), let content = file.contentID,
            let status = try? FileStatus.of(path), file.isUnchanged(status),
            let row = snapshot.row(ofID: content)
        else { return nil }
        return snapshot.vector(ofRow: row)
    }
}
