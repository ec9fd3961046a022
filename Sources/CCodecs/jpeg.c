// JPEG through libjpeg-turbo's classic interface, whose errors leave by longjmp.
#include "internal.h"

#include <limits.h>
#include <setjmp.h>
#include <stdio.h>

#include <jpeglib.h>

#include <jerror.h>

typedef struct decoder {
    struct jpeg_decompress_struct jpeg;
    struct jpeg_error_mgr errors;
    struct jpeg_progress_mgr progress;
    jmp_buf escape;
    cc_failure *failure;
    cc_status status;
    uint32_t max_scans;
    bool ended;         // the data ran out
    bool made_up;       // some of the picture is the decoder's own
    bool ended_at_once; // ... from within the first row of blocks on
} decoder;

static decoder *decoder_of(j_common_ptr common) { return (decoder *)common->client_data; }

static cc_status status_of(const decoder *self) {
    switch (self->errors.msg_code) {
    case JERR_BAD_PRECISION:
    case JERR_ARITH_NOTIMPL:
    case JERR_SOF_UNSUPPORTED:
    case JERR_CONVERSION_NOTIMPL:
    case JERR_CCIR601_NOTIMPL:
    case JERR_FRACT_SAMPLE_NOTIMPL:
    case JERR_NOT_COMPILED: return CC_UNSUPPORTED;
    case JERR_OUT_OF_MEMORY:
    case JERR_NO_BACKING_STORE: return CC_NO_MEMORY;
    case JERR_INPUT_EMPTY:
    case JERR_INPUT_EOF: return CC_TRUNCATED;
    default: return self->ended ? CC_TRUNCATED : CC_CORRUPT;
    }
}

static void leave(j_common_ptr common) {
    decoder *self = decoder_of(common);
    char text[JMSG_LENGTH_MAX];
    self->errors.format_message(common, text);
    self->status = status_of(self);
    // Whatever the library stumbles over behind the end, the end is the reason.
    cc_fail(self->failure, "%s", self->ended ? "the data ends too early" : text);
    longjmp(self->escape, 1);
}

static void note_missing(decoder *self) {
    const bool is_first = self->jpeg.input_scan_number <= 1 && self->jpeg.input_iMCU_row == 0;
    const bool is_over = self->ended || self->jpeg.unread_marker == JPEG_EOI;
    if (!self->made_up && is_first && is_over) self->ended_at_once = true;
    self->made_up = true;
}

static void take_message(j_common_ptr common, int level) {
    if (level >= 0) return;
    decoder *self = decoder_of(common);
    self->errors.num_warnings++;
    switch (self->errors.msg_code) {
    case JWRN_JPEG_EOF:
        // The Huffman decoder reads ahead and complains (below) only when it lacks bits; the arithmetic decoder
        // never does, and a lost scan leaves no other trace.
        self->ended = true;
        if (self->jpeg.arith_code || jpeg_has_multiple_scans(&self->jpeg)) note_missing(self);
        break;
    case JWRN_HIT_MARKER:
    case JWRN_HUFF_BAD_CODE:
    case JWRN_ARITH_BAD_CODE:
    case JWRN_BOGUS_PROGRESSION:
    case JWRN_MUST_RESYNC: note_missing(self); break;
    default: break; // stray bytes between segments and the like change no pixel
    }
}

static void print_nothing(j_common_ptr common) { (void)common; }

static void watch_scans(j_common_ptr common) {
    decoder *self = decoder_of(common);
    if ((uint32_t)self->jpeg.input_scan_number > self->max_scans) {
        self->status = CC_CORRUPT;
        cc_fail(self->failure, "more than %u scans", self->max_scans);
        longjmp(self->escape, 1);
    }
}

static void prepare(decoder *self, cc_failure *failure) {
    self->failure = failure;
    self->status = CC_CORRUPT;
    self->jpeg.err = jpeg_std_error(&self->errors);
    self->errors.error_exit = leave;
    self->errors.emit_message = take_message;
    self->errors.output_message = print_nothing;
    self->jpeg.client_data = self;
}

// Reads the header and sets scale and colour space; leaves by longjmp on errors.
static cc_status read_header(decoder *self, const uint8_t *data, size_t count, uint32_t scale) {
    struct jpeg_decompress_struct *jpeg = &self->jpeg;
    jpeg_mem_src(jpeg, (unsigned char *)data, (unsigned long)count);
    if (jpeg_read_header(jpeg, TRUE) != JPEG_HEADER_OK) {
        cc_fail(self->failure, "the data ends within the header");
        return CC_TRUNCATED;
    }
    if (jpeg->data_precision != 8) {
        cc_fail(self->failure, "%d bits a sample", jpeg->data_precision);
        return CC_UNSUPPORTED;
    }
    switch (jpeg->jpeg_color_space) {
    case JCS_GRAYSCALE:
    case JCS_RGB:
    case JCS_YCbCr: jpeg->out_color_space = JCS_RGB; break;
    case JCS_CMYK:
    case JCS_YCCK: jpeg->out_color_space = JCS_CMYK; break;
    default: cc_fail(self->failure, "%d components of unknown colour", jpeg->num_components); return CC_UNSUPPORTED;
    }
    jpeg->scale_num = scale;
    jpeg->scale_denom = 8;
    jpeg_calc_output_dimensions(jpeg);
    return CC_OK;
}

static cc_status sizes(decoder *self, const uint8_t *data, size_t count, uint32_t scale, cc_header *header) {
    if (setjmp(self->escape)) return self->status;
    jpeg_create_decompress(&self->jpeg);
    cc_status status = read_header(self, data, count, scale);
    header->width = self->jpeg.image_width;
    header->height = self->jpeg.image_height;
    header->output_width = self->jpeg.output_width;
    header->output_height = self->jpeg.output_height;
    const jpeg_component_info *first = self->jpeg.comp_info;
    const JQUANT_TBL *table =
        first && first->quant_tbl_no >= 0 && first->quant_tbl_no < NUM_QUANT_TBLS
        ? self->jpeg.quant_tbl_ptrs[first->quant_tbl_no]
        : NULL;
    header->mean_step = table ? table->quantval[0] : 0;
    return status;
}

cc_status cc_jpeg_header(
    const uint8_t *data, size_t count, uint32_t scale, cc_header *header, cc_failure *failure) {
    decoder self = {0};
    prepare(&self, failure);
    cc_status status = sizes(&self, data, count, scale, header);
    jpeg_destroy_decompress(&self.jpeg);
    return status;
}

// Adobe writes ink inverted (255 is none), and every JPEG with four components is read that way.
static void cmyk_to_rgb(uint8_t *rgb, const uint8_t *cmyk, uint32_t width) {
    for (uint32_t x = 0; x < width; x++) {
        const uint32_t paper = cmyk[4 * x + 3];
        for (int channel = 0; channel < 3; channel++) {
            const uint32_t product = (255 - cmyk[4 * x + channel]) * paper + 128;
            const uint32_t ink = ((product >> 8) + product) >> 8;
            rgb[3 * x + channel] = (uint8_t)(paper > ink ? paper - ink : 0);
        }
    }
}

static cc_status decode(
    decoder *self, const uint8_t *data, size_t count, uint32_t scale, const cc_limits *limits,
    const cc_header *header, uint8_t *rgb) {
    struct jpeg_decompress_struct *jpeg = &self->jpeg;
    if (setjmp(self->escape)) return self->status;
    jpeg_create_decompress(jpeg);
    const uint64_t ceiling = limits->max_working_bytes;
    jpeg->mem->max_memory_to_use = ceiling < LONG_MAX ? (long)ceiling : LONG_MAX;
    self->max_scans = limits->max_scans;
    self->progress.progress_monitor = watch_scans;
    jpeg->progress = &self->progress;
    cc_status status = read_header(self, data, count, scale);
    if (status != CC_OK) return status;
    if (!CC_SAME_SIZE(header, jpeg->image_width, jpeg->image_height)
        || header->output_width != jpeg->output_width || header->output_height != jpeg->output_height) {
        cc_fail(self->failure, "its size changed while it was read");
        return CC_CORRUPT;
    }
    jpeg_start_decompress(jpeg);
    const size_t stride = (size_t)3 * jpeg->output_width;
    JSAMPARRAY cmyk = NULL;
    if (jpeg->out_color_space == JCS_CMYK) {
        cmyk = jpeg->mem->alloc_sarray((j_common_ptr)jpeg, JPOOL_IMAGE, 4 * jpeg->output_width, 1);
    }
    while (jpeg->output_scanline < jpeg->output_height) {
        uint8_t *row = rgb + stride * jpeg->output_scanline;
        JSAMPROW rows[1] = {row};
        if (jpeg_read_scanlines(jpeg, cmyk ? cmyk : rows, 1) != 1) {
            cc_fail(self->failure, "the decoder gave no row");
            return CC_CORRUPT;
        }
        if (cmyk) cmyk_to_rgb(row, cmyk[0], jpeg->output_width);
    }
    // The end marker is not asked for: a picture whose rows are all there is complete without it.
    if (self->ended_at_once) {
        cc_fail(self->failure, "the data ends before the first row of blocks");
        return CC_TRUNCATED;
    }
    return self->made_up ? CC_DAMAGED : CC_OK;
}

cc_status cc_jpeg_decode(
    const uint8_t *data, size_t count, uint32_t scale, const cc_limits *limits, const cc_header *header,
    uint8_t *rgb, cc_failure *failure) {
    decoder self = {0};
    prepare(&self, failure);
    cc_status status = decode(&self, data, count, scale, limits, header, rgb);
    jpeg_destroy_decompress(&self.jpeg);
    return status;
}
