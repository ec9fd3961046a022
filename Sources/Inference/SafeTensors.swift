public import SystemPackage
import SystemSupport

/// A file in the safetensors format, read in place: nothing is copied until a tensor is used.
///
/// Format: 8 bytes little-endian length of a JSON header; the header, which maps each name to `dtype`,
/// `shape` and `data_offsets` relative to the end of the header; the tensors' bytes. Every length, offset and
/// shape is checked on opening: a file that opens has all its tensors, one behind the other without a gap.
/// (https://huggingface.co/docs/safetensors)
public struct SafeTensors: Sendable {
    /// One tensor's place in the file.
    public struct Entry: Sendable, Equatable {
        /// The element type as the header names it ("F32", "BF16", "I64", …).
        public let type: String
        /// Extent of each dimension, outermost first.
        public let shape: [Int]
        /// The tensor's bytes within the file.
        public let range: Range<Int>
    }

    /// The file's name, for messages.
    public let name: String
    /// All tensors by name.
    public let entries: [String: Entry]
    /// The header's bytes, the 8 of its length included, as a range of the file.
    public let headerRange: Range<Int>
    private let content: Content

    /// The whole file.
    public var bytes: UnsafeRawBufferPointer { content.bytes }

    /// A copy of a part of the file, of which the mapping takes no note: for looking at a little of each tensor.
    public func copy(of range: Range<Int>) throws -> [UInt8] {
        if let file = content.owner as? MappedFile { return try file.copy(of: range) }
        return Array(bytes[range])
    }

    /// Gives back the memory of a mapped file's pages; they come again when they are read again.
    ///
    /// A small tensor brings the pages around it along: those of a model's normalisations add up to megabytes.
    func forgetPages() {
        if content.owner is MappedFile { MappedFile.forgetPages(of: content.bytes) }
    }

    /// The format's own limit on the header, which keeps a hostile length from being believed.
    private static let largestHeader = 100_000_000

    private struct Content: @unchecked Sendable {
        // Unchecked: the bytes are never written, and `owner` keeps them in place.
        let bytes: UnsafeRawBufferPointer
        let owner: AnyObject?
    }

    /// Maps a file and checks its header. Costs time by the number of tensors, not by their size.
    public init(_ path: FilePath) throws {
        let file = try MappedFile(path, keepsOpen: true)
        try self.init(file.bytes, name: path.string, owner: file)
    }

    /// Reads a file that is in memory already; `owner` is kept for as long as the bytes are used.
    public init(
        _ bytes: UnsafeRawBufferPointer, name: String, owner: AnyObject? = nil
    ) throws(SafeTensorsError) {
        self.name = name
        content = Content(bytes: bytes, owner: owner)
        func failure(_ problem: SafeTensorsError.Problem) -> SafeTensorsError {
            SafeTensorsError(name, problem)
        }
        var reader = ByteReader(bytes)
        guard let declared = reader.read(UInt64.self) else {
            throw failure(.truncatedHeader(have: bytes.count, need: 8))
        }
        guard let length = Int(exactly: declared), length <= SafeTensors.largestHeader else {
            throw failure(.headerTooLong(declared))
        }
        guard let header = reader.read(count: length) else {
            throw failure(.truncatedHeader(have: bytes.count, need: 8 + length))
        }
        headerRange = 0..<8 + length
        entries = try SafeTensors.readHeader(header, dataStart: 8 + length, fileSize: bytes.count, failure)
        try SafeTensors.checkLayout(entries, dataStart: 8 + length, fileSize: bytes.count, failure)
    }

    private static func readHeader(
        _ header: UnsafeRawBufferPointer, dataStart: Int, fileSize: Int,
        _ failure: (SafeTensorsError.Problem) -> SafeTensorsError
    ) throws(SafeTensorsError) -> [String: Entry] {
        let root: JSON
        do throws(JSONError) { root = try JSON.parse(header) } catch {
            throw failure(.header(error.description))
        }
        guard case .object(let members) = root else { throw failure(.header("no JSON object")) }
        var entries: [String: Entry] = [:]
        entries.reserveCapacity(members.count)
        // In order of names, so that the same file always gives the same error.
        for (name, value) in members.sorted(by: { $0.key < $1.key }) where name != "__metadata__" {
            guard let type = value["dtype"]?.string else { throw failure(.tensor(name, "has no dtype")) }
            guard let dimensions = value["shape"]?.array, dimensions.count <= 8 else {
                throw failure(.tensor(name, "has no shape"))
            }
            guard let offsets = value["data_offsets"]?.array, offsets.count == 2,
                let start = offsets[0].integer,
                let end = offsets[1].integer
            else { throw failure(.tensor(name, "has no data_offsets")) }
            var shape: [Int] = [], count = 1
            for dimension in dimensions {
                guard let extent = dimension.integer, extent >= 0 else {
                    throw failure(.tensor(name, "has a dimension that is no size"))
                }
                let (product, overflow) = count.multipliedReportingOverflow(by: extent)
                guard !overflow else { throw failure(.tensor(name, "has more elements than there can be")) }
                count = product
                shape.append(extent)
            }
            guard start >= 0, end >= start, end <= fileSize - dataStart else {
                throw failure(.tensor(name, "is at bytes \(start) to \(end) of \(fileSize - dataStart)"))
            }
            guard let width = bitWidths[type] else {
                throw failure(.tensor(name, "has type '\(type)', which safetensors does not know"))
            }
            let (size, overflow) = count.multipliedReportingOverflow(by: width)
            guard !overflow, size % 8 == 0, size / 8 == end - start else {
                throw failure(.tensor(name, "of shape \(shape) and type \(type) has \(end - start) bytes"))
            }
            entries[name] = Entry(type: type, shape: shape, range: dataStart + start..<dataStart + end)
        }
        return entries
    }

    private static let bitWidths = [
        "F64": 64, "I64": 64, "U64": 64, "C64": 64, "F32": 32, "I32": 32, "U32": 32, "F16": 16, "BF16": 16,
        "I16": 16, "U16": 16, "I8": 8, "U8": 8, "BOOL": 8, "F8_E5M2": 8, "F8_E4M3": 8, "F8_E5M2FNUZ": 8,
        "F8_E4M3FNUZ": 8, "F8_E8M0": 8, "F6_E2M3": 6, "F6_E3M2": 6, "F4": 4,
    ]

    /// Requires that the tensors fill the rest of the file, as the format demands: nothing can hide between them.
    private static func checkLayout(
        _ entries: [String: Entry], dataStart: Int, fileSize: Int,
        _ failure: (SafeTensorsError.Problem) -> SafeTensorsError
    ) throws(SafeTensorsError) {
        let inOrder = entries.sorted {
            ($0.value.range.lowerBound, $0.value.range.upperBound, $0.key)
                < ($1.value.range.lowerBound, $1.value.range.upperBound, $1.key)
        }
        var end = dataStart, previous = ""
        for (name, entry) in inOrder {
            let start = entry.range.lowerBound
            guard start >= end else { throw failure(.tensor(name, "overlaps '\(previous)'")) }
            guard start == end else {
                throw failure(
                    .tensor(
                        name,
                        "starts at byte \(start - dataStart), expected \(end - dataStart): no tensor may be "
                            + "preceded by a gap"))
            }
            (end, previous) = (entry.range.upperBound, name)
        }
        guard end == fileSize else { throw failure(.surplus(fileSize - end)) }
    }

    private func entry(_ tensor: String) throws(SafeTensorsError) -> Entry {
        guard let entry = entries[tensor] else { throw SafeTensorsError(name, .tensor(tensor, "is missing")) }
        return entry
    }

    /// The shape of a tensor of signed bytes, and its elements as floats; throws when it is missing or of another type.
    func signedBytes(_ tensor: String) throws(SafeTensorsError) -> (shape: [Int], elements: [Float]) {
        let entry = try entry(tensor)
        guard entry.type == "I8" else {
            throw SafeTensorsError(name, .tensor(tensor, "has type \(entry.type), expected I8"))
        }
        let bytes = content.bytes[entry.range]
        let elements = [Float](unsafeUninitializedCapacity: bytes.count) { buffer, count in
            for (offset, byte) in bytes.enumerated() { buffer[offset] = Float(Int8(bitPattern: byte)) }
            count = bytes.count
        }
        return (entry.shape, elements)
    }

    /// A tensor as weights; throws when it is missing or not of a floating-point type that is read here.
    public func weights(_ tensor: String) throws(SafeTensorsError) -> Weights {
        let entry = try entry(tensor)
        guard let type = ElementType(rawValue: entry.type) else {
            throw SafeTensorsError(name, .tensor(tensor, "has type \(entry.type), expected F32, F16 or BF16"))
        }
        return Weights(
            shape: entry.shape, type: type,
            bytes: UnsafeRawBufferPointer(rebasing: content.bytes[entry.range]),
            owner: content.owner, isMapped: content.owner is MappedFile)
    }
}

/// What is wrong with a safetensors file.
public struct SafeTensorsError: Error, Sendable, Equatable, CustomStringConvertible {
    /// The kind of damage, with its facts.
    public enum Problem: Sendable, Equatable {
        /// The file ends before its header does.
        case truncatedHeader(have: Int, need: Int)
        /// The header claims more bytes than the format allows.
        case headerTooLong(UInt64)
        /// The header is not the JSON object it should be.
        case header(String)
        /// So many bytes follow the last tensor.
        case surplus(Int)
        /// A tensor is missing or not as expected, and how.
        case tensor(String, String)
    }

    /// The file's name.
    public let file: String
    /// What is wrong with it.
    public let problem: Problem

    package init(_ file: String, _ problem: Problem) {
        self.file = file
        self.problem = problem
    }

    /// One line naming the file, the tensor and what is wrong with it.
    public var description: String {
        switch problem {
        case .truncatedHeader(let have, let need):
            "\(file): not a whole safetensors file: has \(have) bytes, its header needs \(need)"
        case .headerTooLong(let length):
            "\(file): not a safetensors file: its header would have \(length) bytes"
        case .header(let reason): "\(file): safetensors header is \(reason.inBrief)"
        case .surplus(let count): "\(file): \(count) bytes follow the last tensor, expected none"
        case .tensor(let tensor, let reason): "\(file): tensor '\(tensor.inBrief)' \(reason.inBrief)"
        }
    }
}
