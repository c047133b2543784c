/* spec_place.h: tensors of any rank in memory laid out at random: bases, pitches, strides, guard bytes everywhere between. */
#ifndef LGR_TEST_SPEC_PLACE_H
#define LGR_TEST_SPEC_PLACE_H
#include "launch.h"
#include "spec_set.h"

typedef enum { PLACE_TIGHT, PLACE_PADDED, PLACE_SHIFTED, PLACE_ODD, PLACE_COUNT } PlaceKind;
extern const char *const place_names[PLACE_COUNT];

typedef struct SpecPlace { uint8_t *mem[LAUNCH_MAX_TENSORS], *before[LAUNCH_MAX_TENSORS]; size_t size[LAUNCH_MAX_TENSORS]; } SpecPlace;

/* Places the tensors of `call`, whose inputs are drawn and whose oracle has not run, with their numbers; outs that may lie over an input do when in_place. */
void place_all(SpecPlace *p, Call *c, const SpecCall *call, PlaceKind how, bool in_place, uint64_t seed, Arena *a);
/* Every output by the rule, every other byte as before; false with why. */
bool place_compare(SpecPlace *p, const Call *c, SpecCall *call, Arena *a, Buf *why);

#endif
