public import SystemPackage
public import SystemSupport

/// Why a vector store could not do what was asked.
public enum IndexError: Error, Sendable, Equatable {
    /// The file system refused.
    case system(SystemError)
    /// A file is not what its format says; the text names what.
    case damaged(FilePath, String)
    /// A file was written by a later version of the format.
    case newerVersion(FilePath, found: UInt32, supported: UInt32)
    /// A file belongs to another vector space than the one asked for.
    case otherSpace(FilePath, found: VectorSpace, wanted: VectorSpace)
    /// No store can be made for such a space.
    case unusableSpace(String)
    /// A vector or query has another number of components than the space.
    case wrongDimension(found: Int, wanted: Int)
    /// A vector or query has no direction: it is zero, or holds infinities or NaN.
    case noDirection(id: UInt64?)
    /// The id is in the store already.
    case duplicateID(UInt64)
    /// The filter was made from another snapshot.
    case foreignFilter
    /// A segment would hold more rows than the format allows.
    case tooManyRows(Int)
    /// More pairs were found than the caller can take.
    case tooManyPairs(Int)
    /// The store was closed before.
    case closed
    /// The user asked for a stop.
    case interrupted
    /// `IMGVEC_SIMD` asks for what this machine cannot do.
    case instructionSet(String)
}

extension IndexError: CustomStringConvertible {
    /// The error as one line.
    public var description: String {
        switch self {
        case .system(let error):
            error.description
        case .damaged(let path, let what):
            "\(path) is damaged: \(what)"
        case .newerVersion(let path, let found, let supported):
            "\(path) was written by a newer imgvec (format \(found), this one reads up to \(supported))"
        case .otherSpace(let path, let found, let wanted):
            "\(path) holds vectors of another model: \(found.dimension) components of \(found.fingerprint), not "
                + "\(wanted.dimension) of \(wanted.fingerprint)"
        case .unusableSpace(let what):
            "no index can be made: \(what)"
        case .wrongDimension(let found, let wanted):
            "the vector has \(found) components, not \(wanted)"
        case .noDirection(let id?):
            "the vector of \(id) is zero or not finite"
        case .noDirection(nil):
            "the query vector is zero or not finite"
        case .duplicateID(let id):
            "vector \(id) is in the index already"
        case .foreignFilter:
            "the row filter was made for another state of the index"
        case .tooManyRows(let count):
            "\(count) rows are too many for one segment"
        case .tooManyPairs(let most):
            "there are more than \(most) pairs; a higher similarity has fewer"
        case .closed:
            "the index was closed before"
        case .interrupted:
            "interrupted"
        case .instructionSet(let what):
            what
        }
    }
}

/// Runs a call that fails with a `SystemError` and gives the failure the index's type.
func asIndexError<T>(_ path: FilePath, _ body: () throws -> T) throws(IndexError) -> T {
    do {
        return try body()
    } catch let error as IndexError {
        throw error
    } catch let error as SystemError {
        throw .system(error)
    } catch let error as Errno {
        throw .system(SystemError("write", path: path, errno: error))
    } catch {
        throw .system(SystemError("write", path: path, errno: .ioError))
    }
}
