// Sixteen rows of sixteen numbers into columns, as each vector holds one: four times the first eight and the last eight are
// dealt out in turn.
#ifndef CK_TURN_H
#define CK_TURN_H

#include <string.h>

#define CK_TURN(name, vector)                                                                                         \
    static inline __attribute__((always_inline)) void name(vector *rows) {                                            \
        for (int time = 0; time < 4; time++) {                                                                        \
            vector dealt[16];                                                                                         \
            for (int i = 0; i < 8; i++) {                                                                             \
                dealt[2 * i] = __builtin_shufflevector(                                                               \
                    rows[i], rows[i + 8], 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23);                    \
                dealt[2 * i + 1] = __builtin_shufflevector(                                                           \
                    rows[i], rows[i + 8], 8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31);              \
            }                                                                                                         \
            memcpy(rows, dealt, sizeof dealt);                                                                        \
        }                                                                                                             \
    }

#endif
