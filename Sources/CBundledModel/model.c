#include "CBundledModel.h"

// The bytes go to read-only data: they are paged in when touched and shared between processes.

static const unsigned char config_bytes[] = {
#embed "data/config.json"
};
static const unsigned char weights_bytes[] __attribute__((aligned(4096))) = {
#embed "data/model.safetensors"
};
static const unsigned char vocabulary_bytes[] = {
#embed "data/vocab.json"
};
static const unsigned char merges_bytes[] = {
#embed "data/merges.txt"
};
static const unsigned char preprocessor_bytes[] = {
#embed "data/preprocessor_config.json"
};

const unsigned char *cbm_config(void) { return config_bytes; }
size_t cbm_config_size(void) { return sizeof config_bytes; }
const unsigned char *cbm_weights(void) { return weights_bytes; }
size_t cbm_weights_size(void) { return sizeof weights_bytes; }
const unsigned char *cbm_vocabulary(void) { return vocabulary_bytes; }
size_t cbm_vocabulary_size(void) { return sizeof vocabulary_bytes; }
const unsigned char *cbm_merges(void) { return merges_bytes; }
size_t cbm_merges_size(void) { return sizeof merges_bytes; }
const unsigned char *cbm_preprocessor(void) { return preprocessor_bytes; }
size_t cbm_preprocessor_size(void) { return sizeof preprocessor_bytes; }
