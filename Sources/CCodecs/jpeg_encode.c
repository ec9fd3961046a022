// JPEG encoding through libjpeg-turbo's classic interface, whose errors leave by longjmp.
#include "internal.h"

#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>

#include <jpeglib.h>

#include <jerror.h>

typedef struct encoder {
    struct jpeg_compress_struct jpeg;
    struct jpeg_error_mgr errors;
    jmp_buf escape;
    cc_failure *failure;
    unsigned char *bytes; // grown by libjpeg's memory destination
    unsigned long count;
} encoder;

static void leave(j_common_ptr common) {
    encoder *self = (encoder *)common->client_data;
    char text[JMSG_LENGTH_MAX];
    self->errors.format_message(common, text);
    cc_fail(self->failure, "%s", text);
    longjmp(self->escape, 1);
}

static void print_nothing(j_common_ptr common) { (void)common; }

static cc_status encode(encoder *self, const uint8_t *rgb, uint32_t width, uint32_t height, uint32_t quality) {
    struct jpeg_compress_struct *jpeg = &self->jpeg;
    if (setjmp(self->escape)) {
        return self->errors.msg_code == JERR_OUT_OF_MEMORY ? CC_NO_MEMORY : CC_UNSUPPORTED;
    }
    jpeg_create_compress(jpeg);
    jpeg_mem_dest(jpeg, &self->bytes, &self->count);
    jpeg->image_width = width;
    jpeg->image_height = height;
    jpeg->input_components = 3;
    jpeg->in_color_space = JCS_RGB;
    jpeg_set_defaults(jpeg);
    jpeg_set_quality(jpeg, (int)quality, TRUE);
    jpeg->optimize_coding = TRUE;
    jpeg_start_compress(jpeg, TRUE);
    while (jpeg->next_scanline < height) {
        JSAMPROW rows[1] = {(JSAMPROW)(rgb + (size_t)3 * width * jpeg->next_scanline)};
        if (jpeg_write_scanlines(jpeg, rows, 1) != 1) {
            cc_fail(self->failure, "the encoder took no row");
            return CC_UNSUPPORTED;
        }
    }
    jpeg_finish_compress(jpeg);
    return CC_OK;
}

cc_status cc_jpeg_encode(
    const uint8_t *rgb, uint32_t width, uint32_t height, uint32_t quality, uint8_t *_Nullable *_Nonnull jpeg,
    size_t *count, cc_failure *failure) {
    *jpeg = NULL;
    *count = 0;
    if (quality < 1 || quality > 100) {
        cc_fail(failure, "quality %u; it goes from 1 to 100", quality);
        return CC_UNSUPPORTED;
    }
    encoder self = {0};
    self.failure = failure;
    self.jpeg.err = jpeg_std_error(&self.errors);
    self.errors.error_exit = leave;
    self.errors.output_message = print_nothing;
    self.jpeg.client_data = &self;
    cc_status status = encode(&self, rgb, width, height, quality);
    jpeg_destroy_compress(&self.jpeg);
    if (status == CC_OK) {
        *jpeg = self.bytes;
        *count = self.count;
    } else {
        free(self.bytes);
    }
    return status;
}

void cc_bytes_release(uint8_t *_Nullable bytes) { free(bytes); }
