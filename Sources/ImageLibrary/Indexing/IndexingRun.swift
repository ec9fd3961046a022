import Encoders
import GRDB
import Imaging
import Synchronization
import SystemPackage
import SystemSupport

/// Reads, decodes and embeds a list of files on several threads, and commits the results in the list's order.
///
/// The order of content numbers and vectors depends only on the list, not on the number of threads.
final class IndexingRun {
    /// Files a worker takes at a time, while there are many left: the tower sees them as one batch.
    private static let batchSize = 8
    /// Commit at the latest after this many files, to bound what a crash can cost.
    private static let commitCount = 4096

    private let session: WritingSession
    private let encoder: any ImageEncoder
    private let files: [PendingFile]
    private let options: IndexOptions

    init(session: WritingSession, encoder: any ImageEncoder, files: [PendingFile], options: IndexOptions) {
        self.session = session
        self.encoder = encoder
        self.files = files
        self.options = options
    }

    /// What became of one file.
    private enum Outcome: Sendable {
        case picture(FileContentIdentity, PictureDescription, Embedding)
        case known(FileContentIdentity, UInt64)
        case unreadable(FileStatus, String)
        case unsettled
        case notAPicture
        case failed(any Error)
        case stopped
    }

    private struct Result: Sendable {
        let index: Int
        let outcome: Outcome
    }

    /// Does all the work; returns early, with everything finished so far committed, when a stop is asked for.
    func work(report: inout IndexReport, onEvent: (IndexEvent) -> Void) throws {
        guard !files.isEmpty else { return }
        let jobs = max(1, min(options.jobs, files.count))
        let mailbox = Mailbox<Result>(capacity: jobs * Self.batchSize * 4, senders: jobs)
        let parts = WorkerThreads.parts(of: files.count, threads: jobs, most: Self.batchSize)
        let next = Atomic<Int>(0)
        let stop = Atomic<Bool>(false)
        let files = files, encoder = encoder, catalog = session.catalog, modelID = session.model.id
        let reader = PictureReader(preprocessing: encoder.preprocessing, limits: options.limits)

        let workers = try WorkerThreads.start(jobs) {
            defer { mailbox.close() }
            while true {
                let number = next.wrappingAdd(1, ordering: .relaxed).oldValue
                guard number < parts.count else { return }
                let part = parts[number]
                if stop.load(ordering: .relaxed) || Interruption.isRequested {
                    mailbox.send(Result(index: part.lowerBound, outcome: .stopped))
                    return
                }
                // What a worker takes after this comes from the disk meanwhile.
                if number + jobs < parts.count {
                    for file in files[parts[number + jobs]] { FileContents.announce(file.path) }
                }
                let batch = Batch(files: files[part], reader: reader, catalog: catalog, modelID: modelID)
                for (index, outcome) in zip(part, batch.outcomes(encoder: encoder)) {
                    mailbox.send(Result(index: index, outcome: outcome))
                }
            }
        }
        defer { workers.join() }

        // The caller's thread owns the store and the catalog's writes. On a failure it goes on receiving, so
        // that no worker waits for ever at a full mailbox.
        var writer = ResultWriter(session: session, interval: options.commitSeconds)
        var waiting: [Int: Outcome] = [:]
        var done = 0
        var failure: (any Error)?
        while let results = mailbox.receive() {
            for result in results { waiting[result.index] = result.outcome }
            guard failure == nil else { continue }
            do {
                while let outcome = waiting.removeValue(forKey: done) {
                    if case .stopped = outcome {
                        report.wasInterrupted = true
                        waiting = [:]
                        break
                    }
                    try write(outcome, of: files[done], writer: &writer, report: &report, onEvent: onEvent)
                    done += 1
                    if writer.isDue || writer.pendingCount >= Self.commitCount { try writer.commit() }
                }
                onEvent(.progress(done: done, total: files.count))
            } catch {
                failure = error
                stop.store(true, ordering: .relaxed)
            }
        }
        if let failure { throw failure }
        try writer.commit()
    }

    private func write(
        _ outcome: Outcome, of file: PendingFile, writer: inout ResultWriter, report: inout IndexReport,
        onEvent: (IndexEvent) -> Void
    ) throws {
        switch outcome {
        case .picture(let identity, _, let embedding) where !embedding.values.allSatisfy(\.isFinite):
            try write(
                .unreadable(identity.status, "the model gives it no vector"), of: file, writer: &writer,
                report: &report,
                onEvent: onEvent)
        case .picture(let identity, let description, let embedding):
            let isNew = try writer.add(identity, description, embedding, for: file)
            if isNew { report.embedded += 1 } else { report.recognised += 1 }
            if description.info.isTruncated {
                report.truncated += 1
                onEvent(.truncated(file.path))
            }
        case .known(let identity, let content):
            writer.add(identity, content: content, for: file)
            report.recognised += 1
        case .unreadable(let status, let reason):
            writer.addUnreadable(file, status: status, reason: reason)
            report.unreadable += 1
            onEvent(.unreadable(file.path, reason))
        case .unsettled:
            report.unsettled += 1
        case .notAPicture, .stopped:
            break
        case .failed(let error):
            throw error
        }
    }

    /// A few files that one worker reads, decodes and embeds together.
    private struct Batch {
        let files: ArraySlice<PendingFile>
        let reader: PictureReader
        let catalog: Catalog
        let modelID: Int64

        func outcomes(encoder: any ImageEncoder) -> [Outcome] {
            var outcomes: [Outcome] = []
            var decoded: [Decoded] = []
            for file in files {
                switch read(file, for: encoder) {
                case .success(let picture):
                    decoded.append(Decoded(position: outcomes.count, picture: picture))
                    outcomes.append(.unsettled)
                case .failure(let end): outcomes.append(end.outcome)
                }
            }
            embed(&decoded, encoder: encoder, into: &outcomes)
            return outcomes
        }

        private func embed(
            _ decoded: inout [Decoded], encoder: any ImageEncoder, into outcomes: inout [Outcome]
        ) {
            guard !decoded.isEmpty else { return }
            do {
                let embeddings = try encoder.encode(prepared: decoded.map(\.picture.prepared))
                for (item, embedding) in zip(decoded, embeddings) {
                    outcomes[item.position] = .picture(
                        item.picture.identity, item.picture.description, embedding)
                }
            } catch {
                for item in decoded { outcomes[item.position] = .failed(error) }
            }
            decoded = []
        }

        private struct Picture {
            let identity: FileContentIdentity
            let prepared: PixelBuffer
            let description: PictureDescription
        }

        private struct Decoded {
            let position: Int
            let picture: Picture
        }

        /// A file that needs no embedding.
        private struct End: Error { let outcome: Outcome }

        private func read(_ file: PendingFile, for encoder: any ImageEncoder) -> Swift.Result<Picture, End> {
            let bytes: [UInt8], identity: FileContentIdentity
            do { (bytes, identity) = try reader.contents(of: file.path) } catch let error as SystemError {
                if error.errno == .noSuchFileOrDirectory { return .failure(End(outcome: .unsettled)) }
                return .failure(End(outcome: .unreadable(file.status, "\(error.errno)")))
            } catch { return .failure(End(outcome: .unsettled)) }
            do {
                if let content = try knownContent(identity.hash) {
                    return .failure(End(outcome: .known(identity, content)))
                }
                let (pixels, description) = try reader.picture(in: bytes)
                // At the tower's size at once: eight large pictures would else wait for each other in memory.
                return .success(
                    Picture(
                        identity: identity, prepared: encoder.preprocessing.pixels(from: pixels),
                        description: description))
            } catch let error as ImagingError {
                if error == .unknownFormat, !Self.isNamedLikePicture(file) {
                    return .failure(End(outcome: .notAPicture))
                }
                return .failure(End(outcome: .unreadable(identity.status, error.description)))
            } catch { return .failure(End(outcome: .failed(error))) }
        }

        /// The number of a content that is described and embedded already.
        private func knownContent(_ hash: [UInt8]) throws -> UInt64? {
            try catalog.read { database in
                guard let content = try catalog.content(hash: hash, in: database) else { return nil }
                let isEmbedded = try catalog.isEmbedded(content.id, model: modelID, in: database)
                return isEmbedded ? content.id : nil
            }
        }

        private static func isNamedLikePicture(_ file: PendingFile) -> Bool {
            let name = file.relativePath
            guard let dot = name.lastIndex(of: UInt8(ascii: ".")) else { return false }
            return ImageFormat.isLikelyPictureName(extension: name[(dot + 1)...])
        }
    }
}
