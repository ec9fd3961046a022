/// Text from a server, made fit for a message: one short line without control characters.
enum PlainText {
    static func of(_ text: String, most: Int = 200) -> String {
        var result = ""
        for scalar in text.unicodeScalars.prefix(most) {
            let isPlain =
                scalar.properties.generalCategory != .control && scalar.properties.generalCategory != .format
            result.unicodeScalars.append(isPlain ? scalar : "?")
        }
        return text.unicodeScalars.count > most ? result + "…" : result
    }
}
