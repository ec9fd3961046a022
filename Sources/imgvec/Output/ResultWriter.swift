import Foundation
import SystemPackage
import SystemSupport

/// A result that can be written in every output format.
protocol ResultRow: Encodable {
    /// The names of the columns, for the head of a CSV file.
    static var csvHeader: String { get }
    /// The path alone.
    var path: FilePath { get }
    /// Columns before the path, for a terminal.
    var tableColumns: [String] { get }
    /// Columns before the path, for scripts.
    var tsvColumns: [String] { get }
    /// All columns, not yet quoted.
    var csvColumns: [[UInt8]] { get }
}

/// Writes rows to standard output in the chosen format.
struct ResultWriter {
    let options: OutputOptions

    /// Writes all rows. JSON is one array, JSON Lines one object a line.
    func write<Row: ResultRow>(_ rows: [Row], tableHeader: [String]) throws {
        let output = StandardOutput.shared
        switch options.chosen {
        case .table:
            Table.write(
                header: tableHeader, rows: rows.map { $0.tableColumns + [PathText.forTerminal($0.path)] })
        case .tsv:
            for row in rows {
                output.write(row.tsvColumns.joined(separator: "\t") + "\t")
                output.write(row.path.bytes)
                output.write("\n")
            }
        case .paths:
            for row in rows {
                output.write(row.path.bytes)
                output.write([options.pathEnd])
            }
        case .csv:
            output.write(Row.csvHeader + "\n")
            for row in rows {
                output.write(row.csvColumns.map(PathText.forCSV).joined(separator: [UInt8(ascii: ",")]))
                output.write("\n")
            }
        case .json: try JSONText.writeArray(rows)
        case .jsonl: for row in rows { try JSONText.writeLine(row) }
        }
    }
}

/// JSON on standard output: keys sorted, slashes as they are.
enum JSONText {
    private static var encoder: JSONEncoder {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        return encoder
    }

    static func writeLine(_ value: some Encodable) throws {
        StandardOutput.shared.write(try encoder.encode(value))
        StandardOutput.shared.write("\n")
    }

    static func writeArray(_ values: [some Encodable]) throws {
        let output = StandardOutput.shared
        output.write("[")
        for (index, value) in values.enumerated() {
            output.write(index == 0 ? "\n  " : ",\n  ")
            output.write(try encoder.encode(value))
        }
        output.write(values.isEmpty ? "]\n" : "\n]\n")
    }
}

/// Columns aligned for reading on a terminal; the last one is as wide as it is.
enum Table {
    static func write(header: [String], rows: [[String]]) {
        write(blocks: [(header.isEmpty ? [] : [header]) + rows])
    }

    /// Writes blocks of rows with an empty line between them, aligned over all of them.
    static func write(blocks: [[[String]]]) {
        var widths: [Int] = []
        for row in blocks.joined() {
            for (column, text) in row.dropLast().enumerated() {
                let width = TextWidth.columns(text)
                if column < widths.count {
                    widths[column] = max(widths[column], width)
                } else {
                    widths.append(width)
                }
            }
        }
        for (number, block) in blocks.enumerated() {
            if number > 0 { StandardOutput.shared.write("\n") }
            for row in block {
                var line = ""
                for (text, width) in zip(row.dropLast(), widths) where width > 0 {
                    line += text + String(repeating: " ", count: width - TextWidth.columns(text) + 2)
                }
                StandardOutput.shared.write(line + (row.last ?? "") + "\n")
            }
        }
    }
}

/// Numbers as text, without a locale.
enum NumberText {
    /// A value with a fixed number of decimals.
    static func fixed(_ value: some BinaryFloatingPoint, _ decimals: Int) -> String {
        let value = Double(value)
        guard value.isFinite else { return "\(value)" }
        var scale = 1.0
        for _ in 0..<decimals { scale *= 10 }
        let scaled = (value.magnitude * scale).rounded()
        guard scaled < 1e15 else { return "\(value)" }
        let whole = Int64(scaled) / Int64(scale), part = Int64(scaled) % Int64(scale)
        let digits = String(part)
        let sign = value < 0 && scaled > 0 ? "-" : ""
        return decimals == 0
            ? "\(sign)\(whole)"
            : "\(sign)\(whole)." + String(repeating: "0", count: decimals - digits.count) + digits
    }

    /// How many there are of something: "1 group", "2 groups".
    static func counted(_ count: Int, _ one: String, _ several: String) -> String {
        "\(count) \(count == 1 ? one : several)"
    }

    /// A number of bytes in the largest unit that keeps it above 1.
    static func bytes(_ count: Int64) -> String {
        var value = Double(count)
        for unit in ["B", "KiB", "MiB", "GiB"] {
            if value < 1024 { return unit == "B" ? "\(count) B" : "\(fixed(value, 1)) \(unit)" }
            value /= 1024
        }
        return "\(fixed(value, 1)) TiB"
    }

    /// A time in nanoseconds since 1970 as `2024-05-06T07:08:09Z`.
    static func time(_ nanoseconds: Int64) -> String {
        let (seconds, rest) = nanoseconds.quotientAndRemainder(dividingBy: 1_000_000_000)
        return Date(timeIntervalSince1970: TimeInterval(rest < 0 ? seconds - 1 : seconds)).formatted(.iso8601)
    }
}
