// The shape of the blocks in which products are computed by imgvec's own kernels.
#ifndef CDNN_TILES_H
#define CDNN_TILES_H

enum {
    CDNN_LANES = 16,         // outputs whose sums make one vector
    CDNN_PANEL_VECTORS = 4,  // vectors of a panel of weights
    CDNN_PANEL = CDNN_LANES * CDNN_PANEL_VECTORS,
    CDNN_TILE_ROWS = 6,      // rows whose sums against a panel stay in registers
    CDNN_AHEAD = 2048,       // bytes of weights that are fetched ahead into the first cache
    CDNN_STRIDE = 8,         // steps of a sum between fetches of the next panel's weights into the second
};

/// The weights that come after the panel at work, a part of which each of its tiles fetches.
typedef struct cdnn_ahead {
    const char *next;  // where this tile's part begins
    int lines;         // cache lines to fetch every CDNN_STRIDE steps; 0 when there is nothing to fetch
} cdnn_ahead;

/// Of a panel of `vectors` vectors a step that `tiles` tiles pass by, the part of the one with this number.
static inline cdnn_ahead cdnn_part_ahead(const void *panel, int vectors, long steps, long tiles, long number) {
    if (!panel) return (cdnn_ahead){0};
    int lines = (int)((CDNN_STRIDE * vectors + tiles - 1) / tiles);
    return (cdnn_ahead){(const char *)panel + number * (steps / CDNN_STRIDE + 1) * lines * 64, lines};
}

#endif
