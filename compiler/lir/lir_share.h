/* lir_share.h: what of a lowered function need not be written: see lir_share.c. */
#ifndef LGR_LIR_SHARE_H
#define LGR_LIR_SHARE_H
#include "lir.h"

/* By operation: itself, the earlier one that has its value, or 0 where nothing reads it. */
LirVal *lir_share(const LirFn *fn, Arena *a);

#endif
