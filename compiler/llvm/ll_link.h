/* ll_link.h: relocatable ELF64 to one flat blob. Knows nothing of LLVM. */
#ifndef LGR_LL_LINK_H
#define LGR_LL_LINK_H
#include "lir.h"

/* Appends the blob; entry[i] is the offset of fns[i] in it. obj must be 8-byte aligned. */
bool ll_link_flat(const char *obj, size_t n, LirFn *const *fns, uint32_t nfns, Buf *blob, uint32_t *entry, Diag *d);

#endif
