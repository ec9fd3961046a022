public import Imaging

/// Turns pictures into vectors.
public protocol ImageEncoder: Sendable {
    /// Coordinates of each vector.
    var dimension: Int { get }
    /// What is done to a picture before the tower sees it.
    var preprocessing: Preprocessing { get }
    /// The vectors of pictures as `preprocessing.pixels(from:)` gives them, in their order.
    ///
    /// May be called from several threads at once; each call works on its own thread. The first call packs
    /// the weights. A vector may differ in its last bits with what it is computed beside (cosine above
    /// 0.999999).
    func encode(prepared pictures: [PixelBuffer]) throws -> [Embedding]
}

extension ImageEncoder {
    /// The vectors of pictures of any size, in their order; otherwise as `encode(prepared:)`.
    public func encode(_ pictures: [PixelBuffer]) throws -> [Embedding] {
        try encode(prepared: pictures.map { preprocessing.pixels(from: $0) })
    }
}

/// Turns texts into vectors in the space of the pictures.
public protocol TextEncoder: Sendable {
    /// Coordinates of each vector.
    var dimension: Int { get }
    /// What cuts texts into tokens.
    var tokenizer: Tokenizer { get }
    /// The tokens the tower gets for a text, with what the model puts before every text.
    func tokens(of text: String) throws -> [Int32]
    /// The vectors of texts, in their order; texts are cut off at the model's length. Thread-safe.
    func encode(_ texts: [String]) throws -> [Embedding]
}
