import Inference

/// Attention pooling over the pixels of a feature map, with their mean as the query (Radford et al., 2021).
struct SpatialAttentionPool: Sendable {
    /// Coordinates of each vector.
    let dimension: Int
    /// Rows and columns of the feature map.
    let gridSide: Int

    private let width: Int
    private let positions: TokenTable
    private let query: Linear, output: Linear
    private let attention: QueryAttention
    /// Coordinates of each head, in every published model.
    private static let headWidth = 64

    /// Reads the head of a network with `width` channels; its output's size is checked when it is known.
    init(
        _ reader: WeightReader, _ naming: ModifiedResNet.Naming, width: Int, projection: Int?
    ) throws {
        let isOpenAI = naming == .openAI
        let table = isOpenAI ? "positional_embedding" : "pos_embed"
        let positions = try reader.weights(table)
        let cells = (positions.shape.first ?? 0) - 1
        let side = Int(Double(max(cells, 0)).squareRoot())
        guard positions.shape.count == 2, positions.shape[1] == width, cells > 0, side * side == cells,
            side <= 128
        else {
            throw reader.failure(
                table, "has shape \(positions.shape), expected [a square of positions and one, \(width)]")
        }
        guard width % SpatialAttentionPool.headWidth == 0 else {
            throw reader.failure(
                table,
                "has \(width) columns, which is no multiple of the heads' \(SpatialAttentionPool.headWidth)")
        }
        let names = isOpenAI ? ["q_proj", "k_proj", "v_proj", "c_proj"] : ["q", "k", "v", "proj"]
        query = try reader.linear(names[0], inputs: width, outputs: width)
        attention = QueryAttention(
            heads: width / SpatialAttentionPool.headWidth,
            keysValues: Linear(
                try names[1...2].map { try reader.weights($0 + ".weight", [width, width]) },
                bias: try names[1...2].flatMap { try reader.vector($0 + ".bias", width) }))
        guard let outputs = projection ?? reader.shape(names[3] + ".weight")?.first else {
            throw reader.failure(names[3] + ".weight", "is missing")
        }
        output = try reader.linear(names[3], inputs: width, outputs: outputs)
        self.positions = TokenTable(positions)
        self.width = width
        gridSide = side
        dimension = outputs
    }

    /// One row a picture of x [count, side, side, width].
    func callAsFunction(_ x: Tensor) throws -> Tensor {
        let count = x.shape[0], cells = gridSide * gridSide, tokens = cells + 1
        precondition(
            x.shape == [count, gridSide, gridSide, width], "pictures of another size than the tower's")
        let mean = x.meanOverPositions()
        var rows = Tensor(uninitialized: [count * tokens, width])
        var queries = Tensor(uninitialized: [count, width])
        rows.write { rows in
            queries.write { queries in
                x.read { x in
                    mean.read { mean in
                        for picture in 0..<count {
                            for token in 0..<tokens {
                                let row = rows + (picture * tokens + token) * width
                                let source =
                                    token == 0
                                    ? mean + picture * width : x + (picture * cells + token - 1) * width
                                positions.copy(token, to: row)
                                for i in 0..<width { row[i] += source[i] }
                            }
                            (queries + picture * width).update(
                                from: rows + picture * tokens * width, count: width)
                        }
                    }
                }
            }
        }
        return try output(attention(query(queries), rows, length: tokens))
    }
}
