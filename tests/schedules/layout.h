/* layout.h: tensors of one and two dimensions in memory laid out at random: bases, pitches, strides, guard bytes between rows. */
#ifndef LGR_TEST_LAYOUT_H
#define LGR_TEST_LAYOUT_H
#include "launch.h"

uint64_t rnd(uint64_t *seed);
uint32_t rnd_below(uint64_t *seed, uint32_t n);

/* How friendly the layouts are. */
typedef enum { LAYOUT_TIGHT, LAYOUT_PADDED, LAYOUT_SHIFTED, LAYOUT_ODD, LAYOUT_COUNT } Layout;

/* Places every tensor; shapes come from the dims. Guard bytes are 0xdb. Each row is a buffer of its own for the sim. */
void layout_place(Call *c, Layout how, uint64_t seed, Arena *a);
double layout_get(const Call *c, uint32_t t, int64_t row, int64_t col);
void layout_put(const Call *c, uint32_t t, int64_t row, int64_t col, double v);   /* rounds to nearest even */
double layout_round(DType dt, double v);

#endif
