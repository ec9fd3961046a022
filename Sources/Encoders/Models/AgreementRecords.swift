import Inference
public import SystemPackage
import SystemSupport

/// What was measured of models' agreement with floats, kept between runs: measuring costs a second for a ViT-B/32.
///
/// One small file for each model (`<fingerprint>.json`), written whole. A record is of one version of the program and one
/// math backend; any other, and whatever cannot be read as one, is measured anew. It can be deleted at any time.
public struct AgreementRecords: Sendable {
    private let folder: FilePath
    private let program: String

    /// Records in a folder, which need not be there yet, of a version of the program.
    public init(folder: FilePath, program: String) {
        self.folder = folder
        self.program = program
    }

    /// The records in the user's cache folder; nil when the user has none.
    public static func standard(program: String) -> AgreementRecords? {
        (try? UserFolders.cache()).map { AgreementRecords(folder: $0.appending("int8"), program: program) }
    }

    /// The model's agreement with floats: as it is on record, or measured now and put on record.
    ///
    /// That a record cannot be written is no error: the next run measures again.
    public func agreement(of model: Model) throws -> Agreement {
        let path = folder.appending("\(model.fingerprint).json")
        if let known = recorded(path) { return known }
        let agreement = try model.agreementWithFloats()
        if agreement.cosines.allSatisfy(\.isFinite) {
            let cosines = agreement.cosines.map(\.description).joined(separator: ",")
            let line = Array("{\"by\":\"\(by)\",\"cosines\":[\(cosines)]}\n".utf8)
            try? Folders.create(folder)
            try? line.withUnsafeBytes { try AtomicFile.write($0, to: path) }
        }
        return agreement
    }

    private var by: String { "imgvec \(program), \(MathLibrary.backend.rawValue)" }

    private func recorded(_ path: FilePath) -> Agreement? {
        guard let bytes = try? FileContents.read(path, limit: 1 << 16).bytes,
            let record = try? JSON.parse(bytes), record["by"]?.string == by,
            let cosines = record["cosines"]?.numbers, cosines.count == CheckPictures.count
        else { return nil }
        return Agreement(cosines: cosines.map { Float($0) })
    }
}
