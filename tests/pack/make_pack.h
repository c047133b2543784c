/* make_pack.h: a spec compiled for one target, in memory. */
#ifndef MAKE_PACK_H
#define MAKE_PACK_H
#include "base.h"

/* fix: "T=f32" and the like. False when anything failed. out is freed by the caller. */
bool make_pack(const char *spec, const char *target, const char *const *fix, uint32_t nfix, int jobs, Buf *out);

#endif
