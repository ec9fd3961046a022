extension String {
    /// The text fit for a line on a terminal: control characters, and those that turn the direction of writing, as
    /// their codes.
    ///
    /// For names and values that come from files, which anybody may have written.
    package var onOneLine: String {
        var line = ""
        for scalar in unicodeScalars {
            if scalar.value < 0x20 || (0x7F..<0xA0).contains(scalar.value) {
                line += "\\x" + (scalar.value < 16 ? "0" : "") + String(scalar.value, radix: 16)
            } else if scalar.breaksOrTurns {
                line += "\\u" + String(scalar.value, radix: 16)
            } else {
                line.unicodeScalars.append(scalar)
            }
        }
        return line
    }

    /// The same, and no more than 300 characters of it.
    package var inBrief: String {
        let line = onOneLine
        return line.count > 300 ? String(line.prefix(300)) + "…" : line
    }
}

extension Unicode.Scalar {
    /// Unicode's line ends, and its marks, embeddings, overrides and isolates of direction, which make "gpj.exe" look
    /// like "exe.jpg".
    fileprivate var breaksOrTurns: Bool {
        switch value {
        case 0x61C, 0x200E...0x200F, 0x2028...0x202E, 0x2066...0x2069: true
        default: false
        }
    }
}
