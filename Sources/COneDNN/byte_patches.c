#include "bytes.h"
#include "scratch.h"

// A picture's bytes are what the kernels multiply: a patch's lines are the segments of a row, where they lie.
cdnn_status cdnn_bytes_patches(
    const cdnn_bytes *b, int portable, long side, long count, long height, long width, const uint8_t *pixels, int32_t zero,
    float *y) {
    long down = height / side, across = width / side, rows = count * down * across, row = 0, line = 3 * width;
    char *memory = cdnn_scratch(cdnn_rows_size(rows, 0));
    if (!memory) return CDNN_OUT_OF_MEMORY;
    cdnn_byte_rows from = cdnn_place_rows(&memory, rows, 0);
    from.bytes = (uint8_t *)pixels;  // never written
    from.segment_stride = line;
    for (long p = 0; p < count; p++)
        for (long i = 0; i < down; i++)
            for (long j = 0; j < across; j++, row++) {
                from.offsets[row] = (p * height + i * side) * line + j * side * 3;
                from.scales[row] = 1;
                from.zeros[row] = zero;
            }
    cdnn_multiply_rows(b, portable, rows, &from, y, NULL, 1);
    return CDNN_OK;
}
