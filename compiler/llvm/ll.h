/* ll.h: lowered IR to machine code through LLVM. The only room that includes <llvm-c/...>.
 *
 * In: LirFn (verified).  Out: PTX text, cubin bytes (through ptxas where it is installed), or a position-independent host blob.
 * One LlSession per thread; sessions share nothing.
 */
#ifndef LGR_LL_H
#define LGR_LL_H
#include "lir.h"
#include "target.h"

typedef struct LlSession LlSession;
LlSession *ll_open(void);
void       ll_close(LlSession *s);

typedef struct LlOptions {
    int  opt_level;              /* 0..3; 3 unless a test asks otherwise */
    bool line_tables;
    const char *host_cpu, *host_features;   /* NULL: this machine's */
    const Diag *places;          /* whose files the spans are in, for line tables; NULL: the Diag of the call */
} LlOptions;

/* "22.1.0", and the processor that code for the host is made for, "znver4". */
void ll_describe(char *version, char *cpu, size_t n);

/* PTX for the functions of one module (one spec kernel's launches). NUL-terminated text appended to out. */
bool ll_emit_ptx(LlSession *s, LirFn *const *fns, uint32_t n, const Target *t, const LlOptions *o, Buf *out, Diag *d);
/* LLVM IR text, for --emit=llvm. */
bool ll_emit_ir(LlSession *s, LirFn *const *fns, uint32_t n, const Target *t, const LlOptions *o, Buf *out, Diag *d);
/* Host machine code: one flat position-independent blob (text and constants together, every relocation applied);
 * entry[i] is the byte offset of fns[i]. No external symbols. */
bool ll_emit_host(LlSession *s, LirFn *const *fns, uint32_t n, const LlOptions *o, Buf *blob, uint32_t *entry, Diag *d);
/* The relocatable object of the same code, for --emit=object. */
bool ll_emit_object(LlSession *s, LirFn *const *fns, uint32_t n, const LlOptions *o, Buf *obj, Diag *d);

/* ptxas, found on PATH or at the CUDA toolkit's place (or $LGR_PTXAS); NULL when absent. */
const char *ll_ptxas_path(void);
typedef struct LlAsmInfo { char symbol[160]; int regs, spill_stores, spill_loads, stack, smem; } LlAsmInfo;
/* Assembles PTX; info (may be NULL) gets up to max rows, one per kernel. */
bool ll_ptxas(const char *ptx, size_t n, const Target *t, Buf *cubin, LlAsmInfo *info, uint32_t max, uint32_t *ninfo, Diag *d);

#endif
