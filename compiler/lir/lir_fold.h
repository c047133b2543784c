/* lir_fold.h: what the builder knows without running anything; inside this room only. */
#ifndef LGR_LIR_FOLD_H
#define LGR_LIR_FOLD_H
#include "lir.h"

bool    lir_fold1(LirFn *fn, LirOpcode op, LirVal a, LirVal *out);
bool    lir_fold2(LirFn *fn, LirOpcode op, LirVal a, LirVal b, LirVal *out);
bool    lir_fold_select(LirFn *fn, LirVal c, LirVal a, LirVal b, LirVal *out);
bool    lir_fold_cast(LirFn *fn, DType dt, LirVal a, LirVal *out);
int64_t lir_wrap(DType dt, int64_t v);   /* v as dtype dt holds it */

#endif
