// The files of the model that is compiled into the program.
#ifndef CBUNDLEDMODEL_H
#define CBUNDLEDMODEL_H

#include <stddef.h>

const unsigned char *cbm_config(void);
size_t cbm_config_size(void);
/// Starts at a multiple of 4096.
const unsigned char *cbm_weights(void);
size_t cbm_weights_size(void);
const unsigned char *cbm_vocabulary(void);
size_t cbm_vocabulary_size(void);
const unsigned char *cbm_merges(void);
size_t cbm_merges_size(void);
const unsigned char *cbm_preprocessor(void);
size_t cbm_preprocessor_size(void);

#endif
