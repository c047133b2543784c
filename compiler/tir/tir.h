/* tir.h: the typed tile IR, one function per kernel after types and options are bound.
 *
 * In:  sema (from a spec) or tir_parse() (from text).  Out: the evaluator and the lowering.
 * Invariant, checked by tir_verify(): values are SSA, an op's operands come before it, regions nest and close, every
 * value has a dtype and an ordered list of axes; operands of an elementwise op broadcast by axes (see below).
 * No lanes, no addresses, no schedule here.
 *
 * Axes.  A tile value carries axes by id; fn->axes[] holds each axis' extent, and two slices of equal extent share
 * one axis id, so that q[.., 0:D/2] and q[.., D/2:D] combine.  Broadcasting: the axes of each operand must be a
 * subsequence of the result's axes; a value without axes (an instance scalar) combines with everything.
 *
 * Text.  A head (kernel, dims, axes, scalars, tensors, pars), then one op a line, its number before it when it gives a value.  Of two
 * axes or pars with one name each is written name#index.  An extent's quotient is that of the whole sum: N+1/2 is (N+1)/2.
 *
 * Regions.  ops[] is a flat list.  PAR..END is one par nest (its instances are independent); IF..[ELSE]..END runs for
 * an instance when its scalar condition holds.  Values defined inside a region are not visible outside it.
 * Stores of different instances never overlap; TIR_ACC is the only cross-instance effect.
 */
#ifndef LGR_TIR_H
#define LGR_TIR_H
#include "base.h"
#include "diag.h"
#include "dtype.h"

enum { TIR_MAX_DIMS = 12, TIR_MAX_RANK = 6, TIR_MAX_AXES = 4, TIR_MAX_PARS = 8 };   /* pars: of one nest */

typedef uint32_t TirVal;   /* index into fn->ops; 0 is "none" (ops[0] is TIR_NOP) */

/* An extent: (c + sum k[i] * dim[i]) / den, exact; den >= 1; normalised by tir_ext_norm (gcd 1). */
typedef struct TirExt { int64_t c, k[TIR_MAX_DIMS], den; } TirExt;

typedef struct TirDim { const char *name; Span sp; } TirDim;

typedef enum TirMode { TIR_IN, TIR_OUT, TIR_INOUT, TIR_SCRATCH } TirMode;   /* scratch: written by one nest, read by later ones; not the caller's; behind all others */

typedef struct TirTensor {
    const char *name;
    DType   dt;
    uint8_t rank, mode;            /* TirMode */
    bool    absent;                /* optional and not there under the bound options: never loaded or stored */
    bool    accumulate;            /* out written by `+=` across instances (starts from zero) */
    TirExt  shape[TIR_MAX_RANK];
    Span    sp;
    uint16_t over;                 /* out: index + 1 of the in tensor that the caller may pass for it (in place); 0: none */
} TirTensor;

typedef struct TirScalar { const char *name; DType dt; bool has_default; double defval; Span sp; } TirScalar;
typedef struct TirAxis   { const char *name; TirExt ext; } TirAxis;
typedef struct TirPar    { const char *name; TirExt ext; } TirPar;

typedef enum TirIxKind {
    TIR_IX_SCALAR,   /* val: i64 scalar value (a par coordinate, a loaded index, a constant) */
    TIR_IX_SLICE,    /* axis; start = val (0: from 0), step: element i of the axis is at start + i*step */
    TIR_IX_TILE      /* val: an integer tile; the load takes its axes (gather) or the accumulate scatters */
} TirIxKind;
typedef struct TirIndex { uint8_t kind; uint16_t axis; int32_t step; TirVal val; } TirIndex;

typedef enum TirOpcode {
#define X(e, name, nargs, kind, doc) TIR_##e,
#include "tir_op.def"
#undef X
    TIR_OP_COUNT
} TirOpcode;

/* kind column of tir_op.def */
typedef enum TirOpKind { TIR_K_NONE, TIR_K_LEAF, TIR_K_ELEM, TIR_K_CMP, TIR_K_CAST, TIR_K_REDUCE, TIR_K_MEM, TIR_K_REGION } TirOpKind;

typedef struct TirOp {
    uint8_t  op;                   /* TirOpcode */
    uint8_t  dt;                   /* DType of the result; DT_NONE when there is none */
    uint8_t  nax;                  /* rank of the result */
    uint8_t  nix;                  /* number of TirIndex, for LOAD, STORE, ACC */
    uint16_t ax[TIR_MAX_AXES];     /* axes of the result, outermost first */
    TirVal   a[3];                 /* operands */
    uint16_t ref;                  /* PARAM: scalar; COORD, PAR: par index; IOTA, reductions: axis; LOAD, STORE, ACC: tensor; PAR: first par */
    uint16_t ref2;                 /* PAR: number of pars */
    uint32_t ix;                   /* first index in fn->ix */
    union { double f; int64_t i; } imm;   /* CONST (float dtypes use f, others i) */
    TirExt  *ext;                  /* EXTENT */
    Span     sp;
} TirOp;

/* A nest among those of its kernel. */
typedef enum TirPlace {
    TIR_WHOLE,       /* the kernel itself, or its only nest */
    TIR_AFTER,       /* one of several; it needs what came before it */
    TIR_BESIDE       /* not the first, and touches nothing that an earlier nest writes, nor writes what one touches: they may run at one time */
} TirPlace;

typedef struct TirFn {
    Arena *arena;
    const char *op_name, *name;    /* "rms_norm", "forward" */
    const char *binding;           /* "T=bf16 W=bf16 affine=true casting=llama", for names and messages */
    TirDim    *dims;    uint32_t ndims, capdims;
    TirTensor *tensors; uint32_t ntensors, captensors;   /* signature order, absent ones included */
    TirScalar *scalars; uint32_t nscalars, capscalars;
    TirAxis   *axes;    uint32_t naxes, capaxes;
    TirPar    *pars;    uint32_t npars, cappars;
    TirIndex  *ix;      uint32_t nix, capix;
    TirOp     *ops;     uint32_t nops, capops;
    Span sp;
    uint8_t  place;                /* TirPlace */
    bool     more;                 /* of a nest: another comes behind it */
    uint8_t *earlier;              /* of a nest behind others: by tensor, an earlier nest writes where it lies; else NULL */
    const struct TirFn *aside;     /* of the second nest: the first, where that reduces inputs to scalars that no other nest wants; else NULL */
    const uint16_t *twin;          /* of a nest: NULL, or the next one runs beside it and does the same, with tensor twin[t] in t's place */
} TirFn;

/* ---- building (operands must exist; the result's axes and dtype are inferred unless given) ---- */
TirFn   *tir_new(Arena *a, const char *op_name, const char *kernel);
uint32_t tir_dim(TirFn *fn, const char *name);                         /* new or existing */
uint32_t tir_axis(TirFn *fn, const char *name, TirExt ext);            /* interned by extent */
uint32_t tir_par(TirFn *fn, const char *name, TirExt ext);
TirVal   tir_add(TirFn *fn, TirOp op);                                 /* raw append, for sema and the parser */
TirVal   tir_const_f(TirFn *fn, DType dt, double v);
TirVal   tir_const_i(TirFn *fn, DType dt, int64_t v);
TirVal   tir_elem(TirFn *fn, TirOpcode op, TirVal a, TirVal b, TirVal c);  /* same dtype in and out; CMP gives bool */
TirVal   tir_cast(TirFn *fn, DType dt, TirVal a);
TirVal   tir_reduce(TirFn *fn, TirOpcode op, TirVal a, uint32_t axis);
TirVal   tir_load(TirFn *fn, uint32_t tensor, const TirIndex *ix, uint32_t nix);
TirVal   tir_store(TirFn *fn, TirOpcode store_or_acc, uint32_t tensor, const TirIndex *ix, uint32_t nix, TirVal v);

/* ---- nests: the par nests of a kernel, in order ---- */
uint32_t tir_nests(const TirFn *fn);
TirFn   *tir_nest(const TirFn *fn, uint32_t nth, Arena *a);            /* the nth nest alone, its place and twin set; tensors, dims, scalars and axes are the whole's */

/* Everything that the nest writes runs along an axis of extent `row`: there is nothing to do when that is empty. */
bool     tir_writes_along(const TirFn *nest, TirExt row);
/* The nest does nothing but copy an input to the same place of the output that may lie over it: there is nothing to do when it does. */
bool     tir_is_copy(const TirFn *nest, uint32_t *out, uint32_t *in);

/* ---- extents ---- */
TirExt  tir_ext_const(int64_t c);
TirExt  tir_ext_dim(uint32_t dim);
TirExt  tir_ext_norm(TirExt e);
TirExt  tir_ext_add(TirExt a, TirExt b, int64_t sign);   /* a + sign*b */
TirExt  tir_ext_scale(TirExt a, int64_t num, int64_t den);
bool    tir_ext_eq(TirExt a, TirExt b);
bool    tir_ext_is_const(TirExt e, int64_t *v);
/* Value for given dims; false when the division is not exact or the result is negative. */
bool    tir_ext_eval(TirExt e, const int64_t *dims, int64_t *out);
void    tir_ext_print(Buf *b, const TirFn *fn, TirExt e);   /* "2*F", "D/2", "N" */

/* ---- text, verification, facts ---- */
void    tir_print(Buf *b, const TirFn *fn);
/* files[file] of d, as tir_print() writes it; blanks between words are free. NULL with one error, its place in the text, when it is
 * malformed or does not hold together. Names are copies; spans are places in the text. Any bytes are fine. */
TirFn  *tir_parse(uint32_t file, Arena *a, Diag *d);
bool    tir_verify(const TirFn *fn, Diag *d);                         /* DIAG_BUG items when broken */
const char *tir_op_name(TirOpcode op);
int     tir_op_nargs(TirOpcode op);
TirOpKind tir_op_kind(TirOpcode op);

#endif
