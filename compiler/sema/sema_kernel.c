/* sema_kernel.c: headers of kernels, and the building of one kernel under one binding.
 *
 * In: a KERNEL node.  Out: SemaKernel; later TirFn.  Invariant: tensors, params and dims of a kernel have the same
 * numbers under every binding.
 */
#include "sema_in.h"
#include <string.h>

int sema_find_kernel(const SemaOp *op, const char *name)
{
    for (uint32_t i = 0; i < op->nkernels; i++)
        if (!strcmp(op->kernels[i].name, name)) return (int)i;
    return -1;
}

/* ---- which names of the op a kernel uses ---- */
typedef struct Uses { const SemaOp *op; uint32_t dims, types, options, params; } Uses;

static void use(Uses *u, const char *name)
{
    int i;
    if (!name) return;
    if ((i = find_dim(u->op, name)) >= 0) u->dims |= 1u << i;
    if ((i = find_type(u->op, name)) >= 0) u->types |= 1u << i;
    if ((i = find_option(u->op, name)) >= 0) u->options |= 1u << i;
    if ((i = find_param(u->op->params, u->op->nparams, name)) >= 0) u->params |= 1u << i;
}

static void walk(Uses *u, const AstNode *n)
{
    for (; n; n = n->next) {
        use(u, n->name);
        use(u, n->type);
        const AstNode *parts[] = { n->a, n->b, n->c };
        for (int i = 0; i < 3; i++)
            if (parts[i]) walk(u, parts[i]);
        walk(u, n->kids.first);
        walk(u, n->body.first);
    }
}

static Uses uses_of(const SemaOp *op, const AstNode *kernel)
{
    Uses u = { .op = op };
    walk(&u, kernel->kids.first);
    walk(&u, kernel->body.first);
    return u;
}

/* Options that stand in a tensor's condition. */
static uint32_t signature_of(const SemaOp *op, const AstNode *kernel)
{
    Uses u = { .op = op };
    for (const AstNode *arg = kernel->kids.first; arg; arg = arg->next)
        if (arg->kind == AST_TENSOR && arg->a) walk(&u, arg->a);
    return u.options;
}

/* ---- headers ---- */
static bool arg_is_new(Cx *cx, const SemaOp *op, const SemaKernel *k, const AstNode *n)
{
    int i;
    Span at;
    if ((i = find_tensor(k, n->name)) >= 0) at = k->tensors[i].sp;
    else if ((i = find_param(k->params, k->nparams, n->name)) >= 0) at = k->params[i].sp;
    else if ((i = find_param(op->params, op->nparams, n->name)) >= 0) at = op->params[i].sp;
    else if ((i = find_dim(op, n->name)) >= 0) at = op->dims[i].sp;
    else if ((i = find_option(op, n->name)) >= 0) at = op->options[i].sp;
    else if ((i = find_type(op, n->name)) >= 0) at = op->types[i].sp;
    else return true;
    sema_error(cx, LG_TWICE, n->name_sp, "%.60s is declared already", n->name);
    sema_note(cx, at, "here");
    return false;
}

static bool tensor_type(Cx *cx, const SemaOp *op, const AstNode *n, SemaTensor *t)
{
    t->type = find_type(op, n->type);
    t->dt = t->type >= 0 ? op->types[t->type].choice[0] : dt_from_name(n->type);
    if (t->dt == DT_F64) sema_error(cx, LG_DTYPE, n->type_sp, "f64 is the oracle's own type, tensors and params cannot have it");
    if (t->dt) return t->dt != DT_F64;
    const char *known[SEMA_MAX_TYPES + DT_COUNT];
    size_t k = 0;
    for (uint32_t i = 0; i < op->ntypes; i++) known[k++] = op->types[i].name;
    for (int i = 1; i < DT_F64; i++) known[k++] = dt_name((DType)i);
    sema_unknown(cx, LG_NAME, n->type_sp, "type", n->type, known, k);
    return false;
}

static bool sure(TirExt e)
{
    bool ok = e.c >= 0;
    for (int i = 0; i < TIR_MAX_DIMS; i++) ok &= e.k[i] >= 0;
    return ok;
}

static bool tensor_shape(Cx *cx, const AstNode *n, SemaTensor *t)
{
    if (n->kids.n > TIR_MAX_RANK) {
        sema_error(cx, LG_DEPTH, n->sp, "%s has %u axes, at most %d are taken", n->name, n->kids.n, TIR_MAX_RANK);
        return false;
    }
    for (const AstNode *k = n->kids.first; k; k = k->next) {
        if (!sema_extent(cx, k, &t->shape[t->rank])) return false;
        if (!sure(t->shape[t->rank])) {
            sema_error(cx, LG_EXTENT, k->sp, "the extent %s may be negative", ext_text(cx, t->shape[t->rank]));
            return false;
        }
        t->rank++;
    }
    return true;
}

static bool plain(const AstNode *n) { return n->kind == AST_NAME || n->kind == AST_BOOL; }

/* Every part by itself, so that none hides behind an `and` that is false. */
static bool condition_parts(Cx *cx, const AstNode *n)
{
    bool value;
    if (n->kind == AST_BINARY && (n->op == AO_AND || n->op == AO_OR)) {
        bool left = condition_parts(cx, n->a);
        return condition_parts(cx, n->b) && left;
    }
    if (n->kind == AST_UNARY && n->op == AO_NOT) return condition_parts(cx, n->a);
    bool equation = n->kind == AST_BINARY && (n->op == AO_EQ || n->op == AO_NE);
    if (plain(n) || (equation && plain(n->a) && plain(n->b))) return sema_const_bool(cx, n, &value);
    sema_error(cx, LG_CONST, n->sp, "a tensor's condition is made of options, types, ==, !=, and, or, not");
    return false;
}

/* Conditions may test options and types only; what goes wrong under one binding does so under all. */
static bool tensor_condition(Cx *cx, const AstNode *n, SemaTensor *t)
{
    SemaBinding b = sema_binding_default(cx->op);
    const DiagFile *f = &cx->d->files[n->sp.file];
    bool ok;
    if (!n->a) return true;
    cx->b = &b;
    ok = condition_parts(cx, n->a);
    cx->b = NULL;
    t->cond = n->a;
    t->cond_text = arena_strn(cx->a, f->text + n->a->sp.lo, n->a->sp.hi - n->a->sp.lo);
    return ok;
}

static void open_tensor(Cx *cx, const SemaOp *op, SemaKernel *k, const AstNode *n)
{
    SemaTensor t = { .name = n->name, .mode = n->mode, .sp = n->name_sp };
    if (k->ntensors >= SEMA_MAX_TENSORS) {
        sema_error(cx, LG_DEPTH, n->sp, "more than %d tensors", SEMA_MAX_TENSORS);
        return;
    }
    if (k->ntensors && k->tensors[k->ntensors - 1].mode == TIR_SCRATCH && t.mode != TIR_SCRATCH) {
        sema_error(cx, LG_ACCESS, n->sp, "%s stands behind a scratch tensor; scratch tensors are declared last", n->name);
        return;
    }
    if (arg_is_new(cx, op, k, n) && tensor_type(cx, op, n, &t) && tensor_shape(cx, n, &t) && tensor_condition(cx, n, &t))
        k->tensors[k->ntensors++] = t;
}

static bool same_shape(const SemaTensor *a, const SemaTensor *b)
{
    bool same = a->rank == b->rank && a->type == b->type && a->dt == b->dt;
    for (int i = 0; same && i < a->rank; i++) same = tir_ext_eq(a->shape[i], b->shape[i]);
    return same;
}

static void open_over(Cx *cx, SemaKernel *k, const AstNode *n)
{
    int t = find_tensor(k, n->name), o;
    if (t < 0 || !n->b) return;
    const char *known[SEMA_MAX_TENSORS];
    o = find_tensor(k, n->b->name);
    for (uint32_t i = 0; i < k->ntensors; i++) known[i] = k->tensors[i].name;
    if (o < 0) sema_unknown(cx, LG_NAME, n->b->sp, "tensor", n->b->name, known, k->ntensors);
    else if (n->mode != AST_MODE_OUT || k->tensors[o].mode != TIR_IN) sema_error(cx, LG_IN_PLACE, n->b->sp, "only an out tensor lies over another, and only over an in tensor");
    else if (!same_shape(&k->tensors[t], &k->tensors[o])) sema_error(cx, LG_IN_PLACE, n->b->sp, "%s and %s differ in type or shape", n->name, n->b->name);
    else k->tensors[t].over = (uint32_t)o + 1;
}

static void open_own_param(Cx *cx, const SemaOp *op, SemaKernel *k, const AstNode *n)
{
    SemaParam p;
    if (k->nparams >= SEMA_MAX_PARAMS) sema_error(cx, LG_DEPTH, n->sp, "more than %d params", SEMA_MAX_PARAMS);
    else if (arg_is_new(cx, op, k, n) && sema_open_param(cx, n, &p)) k->params[k->nparams++] = p;
}

void sema_open_kernel(Cx *cx, SemaOp *op, const AstNode *n)
{
    SemaKernel *k = ARENA_PUSH(cx->a, op->kernels, op->nkernels, op->capkernels);
    Uses u = uses_of(op, n);
    int before;
    *k = (SemaKernel){ .name = n->name, .doc = n->text, .types = u.types, .options = u.options, .signature = signature_of(op, n), .ast = n, .sp = n->name_sp };
    before = sema_find_kernel(op, n->name);
    if (&op->kernels[before] != k) {
        sema_error(cx, LG_TWICE, n->name_sp, "%.60s is declared already", n->name);
        sema_note(cx, op->kernels[before].sp, "here");
    }
    if (n->text && strstr(n->text, "*/")) sema_error(cx, LG_DECLARATION, n->sp, "a sentence cannot hold */, it goes into C comments");
    for (uint32_t i = 0; i < op->ndims; i++)
        if (u.dims >> i & 1) k->dims[k->ndims++] = i;
    for (uint32_t i = 0; i < op->nparams; i++)
        if (u.params >> i & 1) k->params[k->nparams++] = op->params[i];
    cx->k = k;
    for (const AstNode *arg = n->kids.first; arg; arg = arg->next) {
        if (arg->kind == AST_PARAM) open_own_param(cx, op, k, arg);
        else open_tensor(cx, op, k, arg);
    }
    for (const AstNode *arg = n->kids.first; arg; arg = arg->next)
        if (arg->kind == AST_TENSOR) open_over(cx, k, arg);
    cx->k = NULL;
}

/* ---- building ---- */
bool sema_tensor_present(const SemaOp *op, uint32_t kernel, uint32_t tensor, const SemaBinding *b)
{
    const SemaTensor *t = &op->kernels[kernel].tensors[tensor];
    Cx cx = { .op = op, .k = &op->kernels[kernel], .b = b };     /* no arena: sema_open() has told all errors */
    bool there = true;
    if (t->cond) sema_const_bool(&cx, t->cond, &there);
    return there;
}

static bool is_absent(Cx *cx, const SemaTensor *t)
{
    bool there = true;
    TirFn *fn = cx->fn;
    cx->fn = NULL;
    if (t->cond) sema_const_bool(cx, t->cond, &there);
    cx->fn = fn;
    return !there;
}

static void add_tensor(Cx *cx, const SemaTensor *s)
{
    TirTensor t = { .name = s->name, .rank = s->rank, .mode = s->mode, .sp = s->sp, .over = (uint16_t)s->over };
    t.dt = s->type < 0 ? s->dt : cx->op->types[s->type].choice[cx->b->type[s->type]];
    t.absent = is_absent(cx, s);
    memcpy(t.shape, s->shape, sizeof t.shape);
    *ARENA_PUSH(cx->a, cx->fn->tensors, cx->fn->ntensors, cx->fn->captensors) = t;
}

static void add_scalar(Cx *cx, const SemaParam *p)
{
    TirScalar s = { p->name, p->dt, p->has_default, p->defval, p->sp };
    *ARENA_PUSH(cx->a, cx->fn->scalars, cx->fn->nscalars, cx->fn->capscalars) = s;
}

static void add_open_options(Cx *cx)
{
    for (uint32_t i = 0; i < cx->op->noptions; i++)
        if (cx->k->options >> i & 1 && cx->b->option[i] == SEMA_OPEN)
            add_scalar(cx, &(SemaParam){ .name = cx->op->options[i].name, .dt = DT_I64, .has_default = true, .defval = cx->op->options[i].defval, .sp = cx->op->options[i].sp });
}

TirFn *sema_kernel(const SemaOp *op, uint32_t kernel, const SemaBinding *b, Arena *a, Diag *d)
{
    int64_t work = 0;
    return sema_build(op, kernel, b, a, d, &work);
}

TirFn *sema_build(const SemaOp *op, uint32_t kernel, const SemaBinding *b, Arena *a, Diag *d, int64_t *work)
{
    const SemaKernel *k = &op->kernels[kernel];
    TirFn *fn = tir_new(a, op->name, k->name);
    Cx cx = { .op = op, .k = k, .b = b, .a = a, .d = d, .fn = fn };
    fn->binding = sema_binding_text(op, (int)kernel, b, a);
    fn->sp = k->sp;
    for (uint32_t i = 0; i < k->ndims; i++) {
        uint32_t dim = tir_dim(fn, op->dims[k->dims[i]].name);
        fn->dims[dim].sp = op->dims[k->dims[i]].sp;
    }
    for (uint32_t i = 0; i < k->ntensors; i++) add_tensor(&cx, &k->tensors[i]);
    for (uint32_t i = 0; i < k->nparams; i++) add_scalar(&cx, &k->params[i]);
    add_open_options(&cx);
    for (uint32_t i = 0; i < fn->ntensors; i++)
        if (fn->tensors[i].over && fn->tensors[fn->tensors[i].over - 1].absent) fn->tensors[i].over = 0;
    sema_block(&cx, k->ast->body);
    sema_check_places(&cx);
    *work += cx.work + fn->nops + 100;
    if (cx.failed) return NULL;
    sema_tidy(fn);
    return fn;
}
