/* sema_in.h: what the files of this room share: the context of one kernel being built, and values.
 *
 * A Value is a number known now (V_INT, V_FLOAT, V_BOOL), an extent (V_EXT), or an op of the function (V_TILE).
 * V_BAD comes after an error that has been told; whatever is made of it is V_BAD without another word.
 */
#ifndef LGR_SEMA_IN_H
#define LGR_SEMA_IN_H
#include "sema.h"

enum { SEMA_MAX_OPS = 20000, SEMA_MAX_WORK = 200000 };     /* ops of one kernel; expressions read for it, unrolled */

typedef enum ValueKind { V_BAD, V_INT, V_FLOAT, V_BOOL, V_EXT, V_TILE } ValueKind;

typedef struct Value {
    uint8_t  kind;
    uint16_t par;        /* 1 + the par that this is the coordinate of, times a number, plus an extent; 0: none */
    bool     whole;      /* the plain coordinate itself */
    int64_t  i;
    double   f;
    TirExt   ext;
    TirVal   v;
    Span     sp;
} Value;

typedef struct Local { const char *name; Value v; bool var; uint32_t region; Span sp; } Local;

/* One load or store, for the rules about instances. par[i]: as Value.par for index i. */
typedef struct Access { uint32_t tensor, nest, region, nix; bool store; uint16_t par[TIR_MAX_RANK]; TirIndex ix[TIR_MAX_RANK]; Span sp; } Access;

/* A run-time region: par, or one arm of an if; the arms of one if share `branch`. */
typedef struct Region { uint32_t parent, branch; } Region;

typedef struct Cx {
    const SemaOp *op;
    const SemaKernel *k;             /* NULL while declarations are read */
    const SemaBinding *b;
    Arena    *a;
    Diag     *d;
    TirFn    *fn;                    /* NULL while declarations are read: only extents and numbers then */
    Local    *locals;   uint32_t nlocals, caplocals;
    Access   *accesses; uint32_t naccesses, capaccesses;
    Region   *regions;  uint32_t nregions, capregions;   /* regions[0]: outside all */
    uint32_t  region;                /* the one being filled */
    uint32_t  written;               /* bit set of tensors */
    uint32_t  nest;                  /* 1.. inside a par nest, 0 outside */
    uint32_t  nests, first_par;      /* first_par: of this nest */
    int64_t   work;
    bool      told;                  /* the last error was reported, not a repetition */
    bool      failed, worn_out;
} Cx;

/* sema_error.c */
void sema_error(Cx *cx, DiagCode code, Span sp, const char *fmt, ...) __attribute__((format(printf, 4, 5)));
void sema_limit(Cx *cx, DiagCode code, Span sp, const char *fmt, ...) __attribute__((format(printf, 4, 5)));
void sema_note(Cx *cx, Span sp, const char *fmt, ...) __attribute__((format(printf, 3, 4)));
void sema_unknown(Cx *cx, DiagCode code, Span sp, const char *what, const char *name, const char *const *known, size_t n);
const char *sema_list(Arena *a, const char *const *names, size_t n);     /* "a, b, c" */

/* sema_value.c */
Value value_bad(void);
Value value_int(int64_t i, Span sp);
Value value_float(double f, Span sp);
Value value_bool(bool b, Span sp);
Value value_ext(TirExt e, Span sp);
Value value_tile(Cx *cx, TirVal v, Span sp);              /* V_BAD for v = 0 */
bool  value_is_number(Value v);                           /* V_INT, V_FLOAT */
bool  value_as_ext(Value v, TirExt *e);                   /* V_INT and V_EXT */
const char *value_text(Cx *cx, Value v);                  /* "f32[N]", "3", "the extent N/2" */
const char *ext_text(Cx *cx, TirExt e);
uint32_t axis_of(Cx *cx, TirExt e);                       /* named by its dim, or _1, _2, .. */
DType value_dt(Cx *cx, Value v);                          /* of a tile; DT_I64 of an extent; DT_NONE of numbers */
const TirOp *value_op(Cx *cx, Value v);
Value value_as(Cx *cx, Value v, DType dt);                /* numbers and extents as a tile of dt; tiles as they are */
bool  value_unify(Cx *cx, Value *a, Value *b, const char *what);   /* two tiles of one dtype */
Value value_elem(Cx *cx, TirOpcode op, const Value *v, int n, Span sp, const char *what);
Value value_bound(Cx *cx, Value v);                       /* refuses extents with numbers out of all proportion */
double round_to(DType dt, double v);

/* sema_arith.c */
Value arith_binary(Cx *cx, const AstNode *n, Value a, Value b);
Value arith_unary(Cx *cx, const AstNode *n, Value a);

/* sema_expr.c */
Value sema_expr(Cx *cx, const AstNode *n);
Value sema_call(Cx *cx, const AstNode *n);                /* sema_call.c; in a kernel only, as sema_index() */
bool  sema_const_bool(Cx *cx, const AstNode *n, bool *out);
bool  sema_extent(Cx *cx, const AstNode *n, TirExt *out); /* an extent, or an error */
DType sema_dtype(Cx *cx, const char *name);               /* a type of the op as bound, or an element type; DT_NONE */
int   find_dim(const SemaOp *op, const char *name);
int   find_type(const SemaOp *op, const char *name);
int   find_option(const SemaOp *op, const char *name);
int   find_param(const SemaParam *p, uint32_t n, const char *name);
int   find_tensor(const SemaKernel *k, const char *name);
int   find_choice(const SemaOption *o, const char *name);
Local *find_local(Cx *cx, const char *name);
void  sema_declare(Cx *cx, const AstNode *n, Value v, bool var);
const char **sema_visible(Cx *cx, size_t *n);             /* every name that can stand in an expression */

/* sema_index.c */
Value sema_index(Cx *cx, const AstNode *n);
void  sema_store(Cx *cx, const AstNode *n);

/* sema_stmt.c, sema_place.c */
void  sema_block(Cx *cx, AstList body);
void  sema_record(Cx *cx, const Access *a);               /* for sema_check_places() */
void  sema_check_places(Cx *cx);                          /* unwritten outs, in-place forms */

/* sema_tidy.c */
void  sema_tidy(TirFn *fn);                               /* equal values once, unused ones not at all */

/* sema_kernel.c, sema_checks.c */
void  sema_open_kernel(Cx *cx, SemaOp *op, const AstNode *n);
void  sema_open_check(Cx *cx, SemaOp *op, const AstNode *n);
bool  sema_open_param(Cx *cx, const AstNode *n, SemaParam *out);
TirFn *sema_build(const SemaOp *op, uint32_t kernel, const SemaBinding *b, Arena *a, Diag *d, int64_t *work);  /* adds to *work */
bool  sema_number(Cx *cx, const AstNode *n, double *out); /* a literal, perhaps negative, or true, false */

#endif
