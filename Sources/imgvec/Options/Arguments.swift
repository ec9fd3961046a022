import ArgumentParser
import Foundation
import SystemPackage
import SystemSupport

/// The process's arguments, with bytes that are not UTF-8 carried through the parser unharmed.
///
/// Swift's strings must be Unicode, file names need not be. Each byte that does not belong to valid UTF-8 becomes
/// one scalar of a private range (as Python's "surrogateescape" does), and so does each byte of a scalar that is
/// itself from that range, so that the way back is exact.
enum Arguments {
    private static let escape: UInt32 = 0x10_FE00

    static func fromProcess() -> [String] {
        var arguments: [String] = []
        for index in 1..<max(1, Int(CommandLine.argc)) {
            guard let pointer = CommandLine.unsafeArgv[index] else { break }
            arguments.append(text(Array(UnsafeRawBufferPointer(start: pointer, count: strlen(pointer)))))
        }
        return arguments
    }

    /// Bytes as text, escaping what is not UTF-8.
    static func text(_ bytes: [UInt8]) -> String {
        if let text = String(validating: bytes, as: UTF8.self), !text.unicodeScalars.contains(where: isEscape)
        {
            return text
        }
        var text = ""
        var rest = bytes[...]
        while let byte = rest.first {
            let length = byte < 0x80 ? 1 : byte < 0xE0 ? 2 : byte < 0xF0 ? 3 : 4
            let piece = rest.prefix(length)
            if piece.count == length, let valid = String(validating: piece, as: UTF8.self),
                !valid.unicodeScalars.contains(where: isEscape)
            {
                text += valid
                rest = rest.dropFirst(length)
            } else {
                if let scalar = Unicode.Scalar(escape + UInt32(byte)) { text.unicodeScalars.append(scalar) }
                rest = rest.dropFirst()
            }
        }
        return text
    }

    /// The bytes that `text(_:)` made a text of.
    static func bytes(_ text: String) -> [UInt8] {
        text.unicodeScalars.flatMap { scalar in
            isEscape(scalar) ? [UInt8(truncatingIfNeeded: scalar.value - escape)] : Array(String(scalar).utf8)
        }
    }

    private static func isEscape(_ scalar: Unicode.Scalar) -> Bool {
        (escape..<escape + 256).contains(scalar.value)
    }
}

/// A path given on the command line, byte for byte.
struct PathArgument: ExpressibleByArgument, Sendable {
    let path: FilePath

    init?(argument: String) {
        guard !argument.isEmpty, let path = FilePath(bytes: Arguments.bytes(argument)) else { return nil }
        self.path = path
    }

    var defaultValueDescription: String { path.string }
    static var defaultCompletionKind: CompletionKind { .file() }
}
