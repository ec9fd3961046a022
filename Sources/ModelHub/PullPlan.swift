public import Encoders
public import SystemPackage

/// What pulling a model is going to bring, and from where.
public struct PullPlan: Sendable {
    /// Where a file's bytes come from.
    public enum Source: Sendable, Equatable {
        /// They are downloaded; so many are there already from an earlier attempt.
        case hub(there: Int64)
        /// They are copied from the Hugging Face cache.
        case cache(FilePath)
    }

    /// One file of the model.
    public struct File: Sendable {
        /// Its name, size and hash.
        public let file: HubFile
        /// Whether it holds weights.
        public let isWeights: Bool
        /// Where it comes from.
        public internal(set) var source: Source

        /// Bytes still to be downloaded.
        public var bytesToDownload: Int64 {
            if case .hub(let there) = source { file.size - there } else { 0 }
        }
    }

    /// The model, under the name the hub gives it today.
    public let repository: RepositoryName
    /// The commit that the revision means.
    public let commit: String
    /// The name it is going to be installed under.
    public let name: String
    /// Configuration, tokenizer and card first, then the weights.
    public internal(set) var files: [File]
    /// The same model, when it is installed already and nothing is to be done.
    public let installed: ModelStore.Installed?

    /// Bytes to be downloaded.
    public var bytesToDownload: Int64 { files.reduce(0) { $0 &+ $1.bytesToDownload } }
    /// Bytes of all files.
    public var size: Int64 { files.reduce(0) { $0 &+ $1.file.size } }
}
