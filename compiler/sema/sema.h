/* sema.h: from the tree of a spec to its facts and to typed tile IR.
 *
 * In: AstSpec.  Out: SemaOp (what the spec declares: one op) and, for one kernel under one binding of types and options,
 * a TirFn that holds no trace of options: dead branches are gone, absent tensors are marked, loops are unrolled.
 * Invariant: a TirFn is given only when no error was reported for it, and then tir_verify() accepts it.
 * Nothing here knows schedules or targets.
 *
 *     AstSpec *ast = ast_parse(file, a, d);
 *     SemaOp  *op  = sema_open(ast, a, d);                        NULL after errors
 *     SemaBinding b = sema_binding_default(op);
 *     do { TirFn *fn = sema_kernel(op, k, &b, a, d); .. } while (sema_binding_next(op, k, &b));
 */
#ifndef LGR_SEMA_H
#define LGR_SEMA_H
#include "ast.h"
#include "tir.h"

enum { SEMA_MAX_TYPES = 8, SEMA_MAX_OPTIONS = 24, SEMA_MAX_CHOICES = 12, SEMA_MAX_TENSORS = 32, SEMA_MAX_PARAMS = 16, SEMA_MAX_KERNELS = 16,
       SEMA_OPEN = 0xff /* an option's choice: left to run time */ };

typedef struct SemaType   { const char *name; DType choice[SEMA_MAX_CHOICES]; uint32_t n, defval; Span sp; } SemaType;
typedef struct SemaOption { const char *name; const char *choice[SEMA_MAX_CHOICES]; uint32_t n, defval; bool is_bool; Span sp; } SemaOption;  /* bool: "false", "true" */
/* Values that a param may have: from lo to hi, an end that is open left out; of integers whole numbers, or infinite. NaN is never one. */
typedef struct SemaRange  { bool given, lo_open, hi_open; double lo, hi; } SemaRange;
typedef struct SemaParam  { const char *name; DType dt; bool has_default; double defval; SemaRange range; Span sp; } SemaParam;

typedef struct SemaTensor {
    const char *name;
    uint8_t  mode, rank;             /* TirMode */
    int      type;                   /* index into op->types, or -1: always dt */
    DType    dt;
    TirExt   shape[TIR_MAX_RANK];    /* over the kernel's dims */
    const AstNode *cond;             /* NULL: always there */
    const char *cond_text;           /* "affine and not packed" */
    uint32_t over;                   /* index + 1 of the tensor it may lie over, 0 none */
    Span     sp;
} SemaTensor;

typedef struct SemaKernel {
    const char *name, *doc;          /* doc may be NULL */
    uint32_t   dims[TIR_MAX_DIMS], ndims;                /* into op->dims: those the kernel names, in the op's order */
    SemaTensor tensors[SEMA_MAX_TENSORS]; uint32_t ntensors;   /* signature order; the same indices in every TirFn of it */
    SemaParam  params[SEMA_MAX_PARAMS];   uint32_t nparams;    /* the op's that it names, then its own */
    uint32_t   types, options;       /* bit sets: those the kernel names; the others do not change it */
    uint32_t   signature;            /* bit set: options that decide which tensors there are */
    const AstNode *ast;
    Span       sp;
} SemaKernel;

/* Choice numbers.  An option may be SEMA_OPEN: its tests become conditions on a scalar of the function behind the kernel's params, one for each open
 * option in order of declaration, an i64 that holds the choice number. */
typedef struct SemaBinding { uint8_t type[SEMA_MAX_TYPES], option[SEMA_MAX_OPTIONS]; } SemaBinding;

/* ---- check blocks, as data ---- */
typedef enum SemaInput {
#define X(e, name, doc) SEMA_INPUT_##e,
#include "check_input.def"
#undef X
    SEMA_INPUT_COUNT
} SemaInput;

typedef struct SemaValues { double *v; uint32_t n; } SemaValues;       /* n = 0: not said */
typedef struct SemaFix    { const char *name; SemaValues values; Span sp; } SemaFix;   /* a run-time parameter's values */
typedef struct SemaBelow  { const char *tensor; const char *dim; int64_t least, bound; Span sp; } SemaBelow;  /* integers of the tensor lie in [least, dim or bound) */

typedef enum SemaPairKind { SEMA_PAIR_SAME, SEMA_PAIR_UPSTREAM, SEMA_PAIR_GRADIENT } SemaPairKind;
/* backward's tensor is: forward's tensor of the same name; d(loss)/d(that out); d(loss)/d(that in), which backward computes */
typedef struct SemaPair { uint32_t backward, forward; SemaPairKind kind; } SemaPair;
typedef struct SemaDeriv { uint32_t forward, backward; SemaPair *pairs; uint32_t npairs; Span sp; } SemaDeriv;

typedef struct SemaCheck {
    uint32_t   kernels;                          /* bit set: those the block is about */
    SemaValues dim[TIR_MAX_DIMS];                /* by op->dims */
    uint32_t   type[SEMA_MAX_TYPES];             /* bit sets of choices; all when not said */
    uint32_t   option[SEMA_MAX_OPTIONS];
    SemaFix   *fixes;  uint32_t nfixes, capfixes;
    SemaBelow *below;  uint32_t nbelow, capbelow;
    uint32_t   inputs;                           /* bit set of SemaInput; normal when not said */
    SemaDeriv *derivs; uint32_t nderivs, capderivs;
    Span       sp;
} SemaCheck;

typedef struct SemaOp {
    const char *name, *doc;
    TirDim     *dims;    uint32_t ndims, capdims;
    SemaType   *types;   uint32_t ntypes, captypes;
    SemaOption *options; uint32_t noptions, capoptions;
    SemaParam  *params;  uint32_t nparams, capparams;
    SemaKernel *kernels; uint32_t nkernels, capkernels;
    SemaCheck  *checks;  uint32_t nchecks, capchecks;
    uint32_t file;
    Span sp;
} SemaOp;

/* NULL when anything was wrong. The tree and `a` must outlive the result. */
SemaOp *sema_open(const AstSpec *ast, Arena *a, Diag *d);

/* One kernel under one binding; NULL when anything was wrong. Neither op nor ast is changed: threads may share them. */
TirFn *sema_kernel(const SemaOp *op, uint32_t kernel, const SemaBinding *b, Arena *a, Diag *d);

/* Types every kernel under every binding, each error told once; false when there were any.  Where the bindings are too
 * many for a second's work, every single choice and as many pairs of choices as there is time for are tried instead. */
bool sema_check_all(const SemaOp *op, Diag *d);
/* Does the check name this kernel under this binding? */
bool sema_check_covers(const SemaOp *op, const SemaCheck *k, uint32_t kernel, const SemaBinding *b);

bool sema_in_range(const SemaRange *r, double v);           /* everything is in one that is not given */
int sema_find_kernel(const SemaOp *op, const char *name);   /* -1 when there is none */

/* ---- bindings ---- */
SemaBinding sema_binding_default(const SemaOp *op);
/* The next binding of what the kernel names (the rest stays); false after the last. Bindings that would give the same
 * kernel twice are passed over: a type that no present tensor has stays at its first choice. Starts at _first. */
SemaBinding sema_binding_first(const SemaOp *op, uint32_t kernel);
bool sema_binding_next(const SemaOp *op, uint32_t kernel, SemaBinding *b);
/* Brings b to the form that sema_binding_next gives, for lookups: what does not matter is set to its first choice. */
SemaBinding sema_binding_normal(const SemaOp *op, uint32_t kernel, SemaBinding b);
/* "T=bf16 affine=true": what the kernel names, in order of declaration; kernel -1: all. */
const char *sema_binding_text(const SemaOp *op, int kernel, const SemaBinding *b, Arena *a);
/* Bit set of the kernel's options that may be left open: those that change neither which tensors there are nor what must be known when the
 * kernel is compiled. */
uint32_t sema_openable(const SemaOp *op, uint32_t kernel, Arena *a);
/* b with the options of the bit set open, brought to normal form. */
SemaBinding sema_binding_open(const SemaOp *op, uint32_t kernel, SemaBinding b, uint32_t options);
/* Counts the options of the bit set through their choices, from all at their first; false after the last. */
bool sema_binding_close(const SemaOp *op, uint32_t options, SemaBinding *b, bool first);
/* Sets one "NAME=VALUE", for an option also "NAME=*", open; false with an error (nearest name) when there is none. */
bool sema_binding_set(const SemaOp *op, SemaBinding *b, const char *assignment, Diag *d);
/* Values asked for, by choice number: of a type or option that none was asked of, any. */
typedef struct SemaWanted { uint32_t type[SEMA_MAX_TYPES], option[SEMA_MAX_OPTIONS]; /* bit sets, 0: any */ uint32_t open; /* bit set: options asked for open */ } SemaWanted;
/* Adds one "NAME=VALUE", as sema_binding_set reads it. */
bool sema_wanted_add(const SemaOp *op, SemaWanted *w, const char *assignment, Diag *d);
/* Is b one of those asked for, whatever it has for these options? A value of what the kernel does not name rules nothing out. */
bool sema_wanted_has(const SemaOp *op, uint32_t kernel, const SemaWanted *w, const SemaBinding *b, uint32_t open);
bool sema_tensor_present(const SemaOp *op, uint32_t kernel, uint32_t tensor, const SemaBinding *b);

/* The index of LANGUAGE.md, from the builtin table. */
void sema_print_builtins(Buf *out);
const char *sema_input_name(SemaInput i);

#endif
