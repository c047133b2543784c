/* lir.h: the lowered IR: what one thread of a block does, for one kernel under one schedule on one kind of target.
 *
 * In: compiler/lower.  Out: compiler/sim interprets it for all threads of a block in lock step; compiler/llvm translates it
 * to NVPTX or (threads = 1, wide vectors) to the host's machine code.  One form, three readers: what the sim ran is what
 * the GPU gets.
 * Invariant, checked by lir_verify(): SSA but for variables (VAR, GET, SET); structure by LOOP/WHILE/END and IF/ELSE/END;
 * a value is used only in the region it is defined in or inner ones; register arrays are unrolled, never indexed.
 *
 * Parameters.  A kernel takes one array of 64-bit words by value (on the GPU a byval grid constant, on the host a
 * pointer): see LirWord.  The runtime fills it from DLPack tensors.
 * Host form: `void sym(const uint64_t *words, uint32_t cta_begin, uint32_t cta_end, uint32_t nctas)` runs those blocks.
 */
#ifndef LGR_LIR_H
#define LGR_LIR_H
#include "base.h"
#include "diag.h"
#include "dtype.h"

typedef uint32_t LirVal;   /* index into fn->ops; 0 is none */

typedef enum LirOpcode {
#define X(e, name, nargs, doc) LIR_##e,
#include "lir_op.def"
#undef X
    LIR_OP_COUNT
} LirOpcode;

enum {
    LIR_F_CONST   = 1,   /* load: nobody writes this memory while the kernel runs (ld.global.nc) */
    LIR_F_STREAM  = 2,   /* load, store: used once (evict first; on the host a non-temporal store) */
    LIR_F_KEEP    = 4,   /* load, store: likely to be used again (evict last); asynchronous copy: likewise, by way of the first cache */
    LIR_F_UNIFORM = 8,   /* IF: all threads of the block agree */
    LIR_F_EXACT   = 16,  /* arithmetic: not to be contracted, reassociated or approximated */
    LIR_F_APART   = 32,  /* LOOP: warps, or where imm.i is less groups of so many threads, may leave it at different turns; no barrier of the whole block inside */
    LIR_F_AGAIN   = 64   /* OPAQUE: it was converted before, and what came of that is not to be kept for now */
};

typedef struct LirOp {
    uint8_t  op, dt, lanes, flags;
    int16_t  ref;             /* memory: buffer index, -1 unknown */
    LirVal   a[4];
    union { double f; int64_t i; } imm;
    Span     sp;              /* place in the spec, for line tables */
} LirOp;

/* What a parameter word holds. The runtime and the sim fill words[] from this list alone. */
typedef enum LirWordKind {
    LIR_W_DIM,        /* extent of dim a */
    LIR_W_PTR,        /* address of tensor a, byte offset applied; 0 when absent */
    LIR_W_STRIDE,     /* stride of tensor a along its dimension b, in elements */
    LIR_W_SCALAR,     /* run-time scalar a: f32 bits in the low half, or i64 */
    LIR_W_WORK,       /* address of launch a's part of the workspace */
    LIR_W_INST,       /* number of instances: product of the par extents */
    LIR_W_PAREXT,     /* extent of par a */
    LIR_W_ROWLEN,     /* extent of the row axis */
    LIR_W_BLOCKS,     /* number of blocks of launch a of the same kernel */
    LIR_W_OWN,        /* of those of launch 0, the ones that work for this nest itself */
    LIR_W_PARDIV      /* what divides by the extent of par a: see low_row.c; m in the low half, s in the high one */
} LirWordKind;
/* Above the bits that count.  Read as floats of 16 or 32 bits they are no number, so that hardly anything else that lay in a workspace looks like them: one in
 * 2^51 of all words for a count to 8191. */
#define LIR_MARK_BITS 0xfff5a17cfff3c96bu
static inline uint64_t lir_mark_counts(uint32_t to) { uint64_t m = 1; while (m < to) m = 2 * m + 1; return m; }
typedef struct LirWord { uint8_t kind; uint16_t a, b; uint8_t nest; } LirWord;     /* nest: 0 this one, 1 the next, of par extents, INST and ROWLEN */

enum { LIR_MAX_INBOX = 8, LIR_MAX_INBOXES = 32 };   /* those of one use, those of many */
/* When a launch may start, seen from the kernel before it in the stream. */
typedef enum LirPdl {
    LIR_PDL_NONE,     /* when that is done */
    LIR_PDL_AFTER,    /* when all its blocks have said so or ended; this one waits for its results itself */
    LIR_PDL_BESIDE,   /* likewise, but needs nothing of it: this one only ends after it. For launches behind another of the same kernel */
    LIR_PDL_LATE      /* likewise, and waits for it only when its rows are on their way. For launches behind another of the same kernel */
} LirPdl;

typedef struct LirFn {
    Arena   *arena;
    const char *name;         /* symbol */
    LirOp   *ops;  uint32_t nops, capops;
    LirWord *words; uint32_t nwords, capwords;
    uint32_t threads;         /* per block; 1 on the host */
    uint32_t smem;            /* bytes of shared memory per block */
    uint32_t cluster;         /* blocks per cluster, 1 = none */
    uint32_t inbox;           /* shared offset of inbox 0; each is 8 bytes */
    uint32_t min_ctas;        /* blocks per multiprocessor asked of the register allocator, 0 = free */
    uint32_t max_regs;        /* of a thread, 0 = free; goes before min_ctas */
    uint32_t warp;            /* 32; 1 on the host */
    bool     precise;         /* f32 results: accurate exp, division, ... ; false: 16-bit results, fast forms serve */
    uint8_t  pdl;             /* LirPdl */
} LirFn;

/* ---- building ---- */
LirFn *lir_new(Arena *a, const char *symbol);
uint32_t lir_word_index(LirFn *fn, LirWord w);                       /* interned */
LirVal lir_add(LirFn *fn, LirOp op);
LirVal lir_ci(LirFn *fn, DType dt, int64_t v);                       /* scalar constant, integers and bool */
LirVal lir_cf(LirFn *fn, DType dt, int lanes, double v);
LirVal lir_word(LirFn *fn, DType dt, LirWord w);
LirVal lir_op1(LirFn *fn, LirOpcode op, LirVal a);                   /* result type as a's, bool for predicates */
LirVal lir_op2(LirFn *fn, LirOpcode op, LirVal a, LirVal b);         /* scalar operand is splatted to the other's lanes; folds constants */
LirVal lir_op3(LirFn *fn, LirOpcode op, LirVal a, LirVal b, LirVal c);
LirVal lir_cast(LirFn *fn, DType dt, LirVal a);                      /* a itself when already of dt */
LirVal lir_splat(LirFn *fn, LirVal a, int lanes);
LirVal lir_alike(LirFn *fn, LirVal a, int bits);
void   lir_set(LirFn *fn, LirVal var, LirVal v);
DType  lir_dt(const LirFn *fn, LirVal v);
int    lir_lanes(const LirFn *fn, LirVal v);

/* ---- text, verification ---- */
void   lir_print(Buf *b, const LirFn *fn);
bool   lir_verify(const LirFn *fn, Diag *d);                         /* DIAG_BUG items */
const char *lir_op_name(LirOpcode op);
int    lir_op_nargs(LirOpcode op);

#endif
