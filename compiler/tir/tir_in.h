/* tir_in.h: what the files of this room share. */
#ifndef LGR_TIR_IN_H
#define LGR_TIR_IN_H
#include "tir.h"

/* tir_rules.c: what is wrong with the head (extents, tensors), or with op v by itself and its operands' types; NULL: nothing. Reads
 * no table out of range whatever the function holds; operands are values before v. */
const char *tir_head_fault(const TirFn *fn);
const char *tir_op_fault(const TirFn *fn, TirVal v);

#endif
