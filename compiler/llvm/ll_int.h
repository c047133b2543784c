/* ll_int.h: what the files of this room share: the state of one emission and the helpers that write instructions.
 *
 * A lowered value is held as parts.  On the host it has one part: an LLVM scalar or vector.  On a GPU every element is a part of
 * its own (registers are scalar there), but for 16-bit floats of two or more elements: those stay packed in pairs, one i32 a part.
 * 16-bit floats are bits (i16) everywhere; arithmetic on them is done in f32.
 * A failure reports a diagnostic and jumps to l->fail; after a fatal error inside LLVM its module is lost on purpose.
 */
#ifndef LGR_LL_INT_H
#define LGR_LL_INT_H
#include <llvm-c/Core.h>
#include <llvm-c/DebugInfo.h>
#include <llvm-c/TargetMachine.h>
#include <setjmp.h>
#include "ll.h"

enum { LL_MAX_PARTS = 256, LL_MAX_DEPTH = 64 };
#define LL_FMF (LLVMFastMathNoSignedZeros | LLVMFastMathAllowContract)
enum { LL_JUMP_OURS = 1, LL_JUMP_LLVM = 2 };     /* who jumped to l->fail */

typedef struct LlChain LlChain;      /* operations that wait to be written together: ll_nvptx_chain.c */

/* again: its elements were converted before, and are to be converted anew.  chain: it has no parts yet; ll_arg() gives them. */
typedef struct LlVal { LLVMValueRef *p; uint16_t n; uint8_t dt, lanes; bool again; LlChain *chain; } LlVal;

typedef struct LlTypes { LLVMTypeRef v, i1, i8, i16, i32, i64, f16, bf16, f32, f64, ptr, gptr, sptr; } LlTypes;

/* An open loop (head, exit) or if (head = the else side until ELSE is met, exit = the join). */
typedef struct LlScope { LLVMBasicBlockRef head, exit; bool loop; } LlScope;

typedef enum LlSpace { LL_GLOBAL, LL_SHARED } LlSpace;

/* One memory instruction: k units of type `unit` at addr (i64 global, i32 shared offset). */
typedef struct LlAccess {
    LlSpace space; LLVMValueRef addr; LLVMTypeRef unit; int unit_bytes, k, align; unsigned flags;
    LLVMValueRef pred;          /* i1, NULL when always */
} LlAccess;

typedef struct Ll Ll;

/* What differs between families of targets. */
typedef struct LlHooks {
    bool parts;                                                    /* elements are parts (GPU) */
    void (*begin)(Ll *l);                                          /* creates l->func, leaves the builder in its body */
    void (*end)(Ll *l);
    LLVMValueRef (*leaf)(Ll *l, const LirOp *o);                   /* TID, CTAID, NCTAID, CTARANK */
    LLVMValueRef (*word_addr)(Ll *l, int64_t word);
    void (*load)(Ll *l, const LlAccess *m, LLVMValueRef *unit);    /* k units (without parts one vector of them); zeros where pred is false */
    void (*store)(Ll *l, const LlAccess *m, LLVMValueRef *unit);
    LlVal (*load_masked)(Ll *l, const LirOp *o);                   /* LDGM; NULL: there is none, nor a STGM */
    void (*store_masked)(Ll *l, const LirOp *o);                   /* STGM */
    void (*sync)(Ll *l, const LirOp *o);                           /* CPA .. PDLGO but shuffles */
    LLVMValueRef (*shuffle)(Ll *l, const LirOp *o, LLVMValueRef v);
    void (*opaque)(Ll *l, LlVal v);                                /* each part in its place */
    LlVal (*narrow)(Ll *l, DType dt, LlVal f32);                   /* f32 to a 16-bit float */
    LlVal (*widen)(Ll *l, LlVal v);                                /* 16-bit float to f32 */
    LLVMValueRef (*pair)(Ll *l, LirOpcode op, DType dt, LLVMValueRef a, LLVMValueRef b);   /* of packed 16-bit floats, rounded once; NULL results: in f32 */
    bool (*chain)(Ll *l, const LirOp *o, bool once, LlVal *r);      /* false: o is none of those that may wait; once: one operation reads it. NULL: nothing waits */
    void (*write)(Ll *l, LlVal *v);                                /* gives v its parts */
    void (*settle)(Ll *l);                                         /* nothing waits any longer */
    /* fast forms of f32 arithmetic; NULL results mean: use the general form */
    LLVMValueRef (*fast)(Ll *l, LirOpcode op, LLVMValueRef a, LLVMValueRef b);
    /* forms within 2 units in the last place over the whole range; NULL, or NULL results: the general form */
    LLVMValueRef (*exact)(Ll *l, LirOpcode op, LLVMValueRef x);
    LLVMValueRef (*scale)(Ll *l, LLVMValueRef x, LLVMValueRef n);     /* x * 2**n, n a whole f32, rounded once; may be NULL or give NULL */
    LLVMValueRef (*inverse)(Ll *l, LLVMValueRef b);                   /* 1 / b within one unit, for b from 1 to 2; likewise */
} LlHooks;

struct Ll {
    LlSession *s;
    Arena *a;
    Diag *d;
    const LlOptions *opt;
    const Target *t;                 /* NULL on the host */
    const LlHooks *hooks;
    int ptx;                         /* PTX version of the target, 74 for 7.4 */
    LLVMContextRef cx;
    LLVMModuleRef mod;
    LLVMBuilderRef b;
    LLVMTargetMachineRef tm;
    LlTypes ty;
    /* the function in hand */
    const LirFn *fn;
    LLVMValueRef func, words, smem, ctaid, nctaid;
    LLVMBasicBlockRef entry, latch, done;
    LlVal *val;                      /* by LirVal */
    uint8_t *readers;                /* by LirVal: operations that read it, 2 for more */
    LlChain *chains;                 /* that wait */
    LlScope scope[LL_MAX_DEPTH]; uint32_t nscope;
    bool precise;                    /* of the operation in hand */
    LLVMValueRef behind_wait;        /* address that is accessed right behind the wait in hand; NULL: none is known */
    bool streamed;                   /* host: non-temporal stores were written */
    LLVMFastMathFlags fmf;
    /* line tables */
    LLVMDIBuilderRef di; LLVMMetadataRef di_sub, *di_files; const Diag *places;
    const char *cpu, *features;      /* host */
    jmp_buf fail;
};

extern const LlHooks ll_nvptx_hooks, ll_host_hooks;

/* ll_session.c */
_Noreturn void ll_fail(Ll *l, DiagClass cls, DiagCode code, Span sp, const char *fmt, ...) __attribute__((format(printf, 5, 6)));
LLVMTargetMachineRef ll_gpu_machine(LlSession *s, const Target *t);
LLVMTargetMachineRef ll_host_machine(LlSession *s, const LlOptions *o);

/* ll_module.c: one module from functions to optimised IR */
bool ll_with_module(LlSession *s, LirFn *const *fns, uint32_t n, const Target *t, const LlOptions *o, Diag *d,
                    void (*then)(Ll *l, void *arg), void *arg);

/* ll_build.c: instructions */
LLVMValueRef ll_i32(Ll *l, int64_t v);
LLVMValueRef ll_i64(Ll *l, int64_t v);
LLVMValueRef ll_intr(Ll *l, const char *name, LLVMTypeRef over, unsigned n, LLVMValueRef *args);   /* over NULL: not overloaded */
LLVMValueRef ll_intr1(Ll *l, const char *name, LLVMValueRef a);                                    /* overloaded on a's type */
LLVMValueRef ll_intr2(Ll *l, const char *name, LLVMValueRef a, LLVMValueRef b);
LLVMValueRef ll_intr3(Ll *l, const char *name, LLVMValueRef a, LLVMValueRef b, LLVMValueRef c);
LLVMValueRef ll_asm(Ll *l, LLVMTypeRef ret, const char *text, const char *cons, bool side, unsigned n, LLVMValueRef *args);
LLVMValueRef ll_asm_bufs(Ll *l, LLVMTypeRef ret, Buf *text, Buf *cons, bool side, unsigned n, LLVMValueRef *args);   /* frees both */
void         ll_asm_many(Ll *l, LLVMTypeRef each, unsigned k, LLVMValueRef *out, Buf *text, Buf *cons, bool side, unsigned n, LLVMValueRef *args);   /* k results */
LLVMTypeRef  ll_like(LLVMTypeRef elem, LLVMTypeRef shape);       /* elem, or a vector of it as long as shape */
LLVMValueRef ll_fc(Ll *l, LLVMValueRef like, double v);          /* constant of like's type */
LLVMValueRef ll_ic(LLVMTypeRef type, int64_t v);                 /* integer constant, splatted when type is a vector */
LLVMValueRef ll_bits(Ll *l, LLVMValueRef v, LLVMTypeRef elem);   /* same bits as elem, in v's shape */
LLVMValueRef ll_splat(Ll *l, LLVMValueRef v, unsigned lanes);
LLVMValueRef ll_elem(Ll *l, LLVMValueRef v, unsigned i);         /* element of a vector, or v itself */
LLVMValueRef ll_vector(Ll *l, LLVMTypeRef elem, LLVMValueRef *v, unsigned n);   /* n == 1: v[0] */
LLVMBasicBlockRef ll_block(Ll *l, const char *name);
LLVMValueRef ll_fadd(Ll *l, LLVMValueRef a, LLVMValueRef b);
LLVMValueRef ll_fsub(Ll *l, LLVMValueRef a, LLVMValueRef b);
LLVMValueRef ll_fmul(Ll *l, LLVMValueRef a, LLVMValueRef b);
LLVMValueRef ll_fdiv(Ll *l, LLVMValueRef a, LLVMValueRef b);
LLVMValueRef ll_fma(Ll *l, LLVMValueRef a, LLVMValueRef b, LLVMValueRef c);
LLVMValueRef ll_flags(Ll *l, LLVMValueRef v);                    /* sets l->fmf on v when it is such an instruction */

/* ll_value.c: values of the lowered IR in parts */
LLVMTypeRef  ll_elem_type(Ll *l, DType dt);
LLVMTypeRef  ll_part_type(Ll *l, DType dt, unsigned lanes);
unsigned     ll_part_count(Ll *l, DType dt, unsigned lanes);
bool         ll_packed(const Ll *l, DType dt, unsigned lanes);
bool         ll_narrow(DType dt);
LlVal        ll_new(Ll *l, DType dt, unsigned lanes);            /* parts not filled in */
LlVal        ll_zero(Ll *l, DType dt, unsigned lanes);
LLVMValueRef ll_lane(Ll *l, LlVal v, unsigned i);                /* element i, of ll_elem_type */
LlVal        ll_from_lanes(Ll *l, DType dt, unsigned lanes, LLVMValueRef *v);
LlVal        ll_value_splat(Ll *l, LlVal v, unsigned lanes);
LlVal        ll_const(Ll *l, const LirOp *o);
LlVal        ll_vector_op(Ll *l, const LirOp *o);                /* STEPS .. OPAQUE */

/* ll_arith.c, ll_divide.c, ll_cast.c, ll_math.c, ll_pow.c, ll_trig.c */
LlVal        ll_elementwise(Ll *l, const LirOp *o);
LLVMValueRef ll_arith(Ll *l, LirOpcode op, DType dt, LLVMValueRef *a, Span sp);   /* on parts */
LlVal        ll_each(Ll *l, LirOpcode op, DType dt, const LlVal *a, int n, Span sp); /* ll_arith() of each part of n operands; dt: the result's */
LLVMValueRef ll_int_add(Ll *l, LLVMValueRef a, LLVMValueRef b);
LLVMValueRef ll_int_sub(Ll *l, LLVMValueRef a, LLVMValueRef b);
LLVMValueRef ll_int_mul(Ll *l, LLVMValueRef a, LLVMValueRef b);
LLVMValueRef ll_int_less(Ll *l, LLVMValueRef a, LLVMValueRef b);                  /* signed */
LLVMValueRef ll_int_and(Ll *l, LLVMValueRef a, LLVMValueRef b);
LLVMValueRef ll_int_not(Ll *l, LLVMValueRef a);
LLVMValueRef ll_int_bound(Ll *l, bool less, LLVMValueRef a, LLVMValueRef b);      /* which of both the lesser (greater) is; NULL: not known */
LLVMValueRef ll_int_widen(Ll *l, bool sign, LLVMValueRef v, LLVMTypeRef to);
void         ll_contract(Ll *l);                                                  /* of the function in hand */
#define LL_UNKNOWN UINT64_MAX
uint64_t     ll_most(Ll *l, LLVMValueRef v);                                      /* the largest value of what is known not to be negative; else LL_UNKNOWN */
LLVMValueRef ll_int_div(Ll *l, bool rem, DType dt, LLVMValueRef a, LLVMValueRef b);
LlVal        ll_cast(Ll *l, DType dt, LlVal v);
LlVal        ll_cast_f32(Ll *l, LlVal v);
LLVMValueRef ll_math(Ll *l, LirOpcode op, LLVMValueRef x, LLVMValueRef y, Span sp);
LLVMValueRef ll_poly(Ll *l, LLVMValueRef x, const double *c, int n);              /* c[0] x^(n-1) + .. + c[n-1] */
LLVMValueRef ll_round_int(Ll *l, LLVMValueRef x, LLVMValueRef *as_int);           /* |x| < 2**22; also as i32 */
LLVMValueRef ll_scale2(Ll *l, LLVMValueRef x, LLVMValueRef n);                    /* x * 2**n, n i32 in -252..254 */
LLVMValueRef ll_exp2_frac(Ll *l, LLVMValueRef f);                                 /* 2**f, |f| <= 0.5 */
LLVMValueRef ll_sel(Ll *l, LLVMValueRef c, LLVMValueRef a, LLVMValueRef b);
LLVMValueRef ll_fcmp(Ll *l, LLVMRealPredicate p, LLVMValueRef a, LLVMValueRef b);
LLVMValueRef ll_mant(Ll *l, LLVMValueRef x, LLVMValueRef *e);                     /* x > 0 normal: m in [sqrt(1/2), sqrt(2)), e as f32 */
LLVMValueRef ll_log_tail(Ll *l, LLVMValueRef f);                                  /* log(1+f) - f, sqrt(1/2) <= 1+f <= sqrt(2) */
LLVMValueRef ll_log_erfc(Ll *l, LLVMValueRef t, double by);                        /* log(erfc(t)) * by, 0 <= t <= 4 */
LLVMValueRef ll_erf(Ll *l, LLVMValueRef x, LLVMValueRef erfc);                      /* erfc(|x|), of |x| >= 1 */
LLVMValueRef ll_pow(Ll *l, LLVMValueRef x, LLVMValueRef y);
LLVMValueRef ll_sincos(Ll *l, LLVMValueRef x, bool cosine);

/* ll_mem.c */
LlVal ll_load(Ll *l, const LirOp *o, LlSpace space, LLVMValueRef pred);
void  ll_store(Ll *l, const LirOp *o, LlSpace space, LlVal v, LLVMValueRef pred);
LlVal ll_load_forked(Ll *l, const LirOp *o, LlVal (*part)(Ll *l, const LirOp *o));     /* LDGM: whole, or `part` */
void  ll_store_forked(Ll *l, const LirOp *o, void (*part)(Ll *l, const LirOp *o));      /* STGM */
LLVMTypeRef ll_mem_type(Ll *l, DType dt, unsigned lanes);        /* type in memory */
LlVal ll_from_mem(Ll *l, DType dt, unsigned lanes, LLVMValueRef v);
LLVMValueRef ll_to_mem(Ll *l, LlVal v);

/* ll_slide.c */
LlVal ll_slide(Ll *l, const LirOp *o);

/* ll_emit.c */
void ll_emit_fn(Ll *l, const LirFn *fn);
LlVal ll_arg(Ll *l, const LirOp *o, int i);

/* ll_lines.c */
void ll_lines_begin(Ll *l);
void ll_lines_none(Ll *l);
void ll_lines_fn(Ll *l);
void ll_lines_at(Ll *l, Span sp);
void ll_lines_end(Ll *l);

#endif
