/* sema_open.c: the declarations of a spec.
 *
 * In: the tree.  Out: SemaOp, NULL when anything was wrong.  Types, dims, options and params come before kernels and
 * checks here, whatever their order in the text.  Bodies of kernels are not looked at but for the names they use.
 */
#include "sema_in.h"
#include <ctype.h>
#include <math.h>
#include <string.h>

static bool doc_is_fit(Cx *cx, const AstNode *n)
{
    if (!n->text || !strstr(n->text, "*/")) return true;
    sema_error(cx, LG_DECLARATION, n->sp, "a sentence cannot hold */, it goes into C comments");
    return false;
}

static void open_name(Cx *cx, SemaOp *op, const AstNode *n)
{
    if (op->name) {
        sema_error(cx, LG_TWICE, n->name_sp, "a spec holds one op");
        sema_note(cx, op->sp, "%s is declared here", op->name);
        return;
    }
    op->name = n->name;
    op->doc = doc_is_fit(cx, n) ? n->text : NULL;
    op->sp = n->name_sp;
}

/* A name of the whole spec must be new. */
static bool is_new(Cx *cx, SemaOp *op, const AstNode *n, const char *name, Span sp)
{
    Span at = { 0, 0, 0 };
    int i;
    (void)n;
    if (dt_from_name(name)) {
        sema_error(cx, LG_TWICE, sp, "%s is an element type of the language", name);
        return false;
    }
    if ((i = find_dim(op, name)) >= 0) at = op->dims[i].sp;
    else if ((i = find_type(op, name)) >= 0) at = op->types[i].sp;
    else if ((i = find_option(op, name)) >= 0) at = op->options[i].sp;
    else if ((i = find_param(op->params, op->nparams, name)) >= 0) at = op->params[i].sp;
    else return true;
    sema_error(cx, LG_TWICE, sp, "%.60s is declared already", name);
    sema_note(cx, at, "here");
    return false;
}

static bool has_room(Cx *cx, uint32_t n, uint32_t most, const char *what, Span sp)
{
    if (n < most) return true;
    sema_error(cx, LG_DEPTH, sp, "more than %u %s", most, what);
    return false;
}

static void open_dims(Cx *cx, SemaOp *op, const AstNode *n)
{
    for (const AstNode *k = n->kids.first; k; k = k->next) {
        if (!is_new(cx, op, k, k->name, k->sp) || !has_room(cx, op->ndims, TIR_MAX_DIMS, "dims", k->sp)) continue;
        *ARENA_PUSH(cx->a, op->dims, op->ndims, op->capdims) = (TirDim){ k->name, k->sp };
    }
}

static DType element_type(Cx *cx, const char *name, Span sp)
{
    const char *known[DT_COUNT];
    size_t n = 0;
    DType dt = dt_from_name(name);
    for (int t = 1; t < DT_COUNT; t++)
        if (t != DT_F64) known[n++] = dt_name((DType)t);
    if (dt == DT_F64) sema_error(cx, LG_DTYPE, sp, "f64 is the oracle's own type, tensors and params cannot have it");
    else if (dt) return dt;
    else sema_unknown(cx, LG_NAME, sp, "element type", name, known, n);
    return DT_NONE;
}

static void open_type(Cx *cx, SemaOp *op, const AstNode *n)
{
    SemaType t = { .name = n->name, .sp = n->name_sp };
    bool found = !n->a;
    if (!is_new(cx, op, n, n->name, n->name_sp) || !has_room(cx, op->ntypes, SEMA_MAX_TYPES, "types", n->sp)) return;
    for (const AstNode *k = n->kids.first; k; k = k->next) {
        DType dt = element_type(cx, k->name, k->sp);
        bool twice = false;
        for (uint32_t i = 0; i < t.n; i++) twice |= t.choice[i] == dt;
        if (twice && dt) sema_error(cx, LG_TWICE, k->sp, "%s is a choice of %s already", k->name, t.name);
        if (twice || !dt || !has_room(cx, t.n, SEMA_MAX_CHOICES, "choices", k->sp)) continue;
        if (n->a && n->a->kind == AST_NAME && !strcmp(n->a->name, k->name)) t.defval = t.n, found = true;
        t.choice[t.n++] = dt;
    }
    if (!found) sema_error(cx, LG_DECLARATION, n->a->sp, "the default of %s must be one of its choices", n->name);
    if (t.n) *ARENA_PUSH(cx->a, op->types, op->ntypes, op->captypes) = t;
}

static bool bool_option(Cx *cx, const AstNode *n, SemaOption *o)
{
    o->is_bool = true;
    o->n = 2;
    o->choice[0] = "false";
    o->choice[1] = "true";
    o->defval = n->a && n->a->kind == AST_BOOL && n->a->i;
    if (strcmp(n->type, "bool")) sema_error(cx, LG_DECLARATION, n->type_sp, "an option is bool or lists its values: option %s in { .. }", n->name);
    else if (n->a && n->a->kind != AST_BOOL) sema_error(cx, LG_DECLARATION, n->a->sp, "the default of %s is true or false", n->name);
    else return true;
    return false;
}

static bool named_option(Cx *cx, const AstNode *n, SemaOption *o)
{
    bool found = !n->a;
    for (const AstNode *k = n->kids.first; k; k = k->next) {
        if (find_choice(o, k->name) >= 0) {
            sema_error(cx, LG_TWICE, k->sp, "%s is a choice of %s already", k->name, o->name);
            continue;
        }
        if (!has_room(cx, o->n, SEMA_MAX_CHOICES, "choices", k->sp)) return false;
        if (n->a && n->a->kind == AST_NAME && !strcmp(n->a->name, k->name)) o->defval = o->n, found = true;
        o->choice[o->n++] = k->name;
    }
    if (!found) sema_error(cx, LG_DECLARATION, n->a->sp, "the default of %s must be one of its choices", n->name);
    return found;
}

static void open_option(Cx *cx, SemaOp *op, const AstNode *n)
{
    SemaOption o = { .name = n->name, .sp = n->name_sp };
    if (!is_new(cx, op, n, n->name, n->name_sp) || !has_room(cx, op->noptions, SEMA_MAX_OPTIONS, "options", n->sp)) return;
    if (n->type ? bool_option(cx, n, &o) : named_option(cx, n, &o)) *ARENA_PUSH(cx->a, op->options, op->noptions, op->capoptions) = o;
}

bool sema_number(Cx *cx, const AstNode *n, double *out)
{
    bool minus = n->kind == AST_UNARY && n->op == AO_MINUS;
    const AstNode *k = minus ? n->a : n;
    if (k->kind != AST_INT && k->kind != AST_FLOAT && k->kind != AST_BOOL) {
        sema_error(cx, LG_CONST, n->sp, "a number is wanted here");
        return false;
    }
    *out = (k->kind == AST_FLOAT ? k->f : (double)k->i) * (minus ? -1 : 1);
    return true;
}

bool sema_in_range(const SemaRange *r, double v)
{
    return !r->given || ((r->lo_open ? v > r->lo : v >= r->lo) && (r->hi_open ? v < r->hi : v <= r->hi));
}

/* A number, or inf with or without a sign. */
static bool range_bound(Cx *cx, const AstNode *n, DType dt, double *out)
{
    bool minus = n->kind == AST_UNARY && n->op == AO_MINUS;
    const AstNode *k = minus ? n->a : n;
    if (k->kind == AST_NAME && !strcmp(k->name, "inf")) *out = minus ? -INFINITY : INFINITY;
    else if (!sema_number(cx, n, out)) return false;
    if (dt == DT_F32) *out = round_to(DT_F32, *out);
    if (dt == DT_F32 || isinf(*out) || (*out == floor(*out) && fabs(*out) <= 0x1p53)) return true;
    sema_error(cx, LG_LITERAL, n->sp, "a bound of %s is a whole number, at most 2^53, or inf", dt_name(dt));
    return false;
}

static bool open_range(Cx *cx, const AstNode *n, SemaParam *p)
{
    SemaRange r = { .given = true, .lo_open = n->mode & 1, .hi_open = n->mode >> 1 & 1 };
    if (!range_bound(cx, n->a, p->dt, &r.lo) || !range_bound(cx, n->b, p->dt, &r.hi)) return false;
    p->range = r;
    if (r.lo < r.hi || (r.lo == r.hi && !r.lo_open && !r.hi_open)) return true;
    sema_error(cx, LG_DECLARATION, n->sp, "no value of %s lies between these bounds", p->name);
    return false;
}

bool sema_open_param(Cx *cx, const AstNode *n, SemaParam *out)
{
    DType dt = element_type(cx, n->type, n->type_sp);
    *out = (SemaParam){ .name = n->name, .dt = dt, .sp = n->name_sp };
    if (!dt) return false;
    if (dt != DT_F32 && dt != DT_I32 && dt != DT_I64) {
        sema_error(cx, LG_DTYPE, n->type_sp, "a param is f32, i32 or i64, not %s", n->type);
        return false;
    }
    if (n->b && !open_range(cx, n->b, out)) return false;
    if (!n->a) return true;
    out->has_default = true;
    if (!sema_number(cx, n->a, &out->defval)) return false;
    if (dt == DT_F32) out->defval = round_to(DT_F32, out->defval);
    if (dt != DT_F32 && (n->a->kind == AST_FLOAT || (n->a->a && n->a->a->kind == AST_FLOAT))) sema_error(cx, LG_LITERAL, n->a->sp, "%g does not fit %s", out->defval, dt_name(dt));
    else if (!sema_in_range(&out->range, out->defval)) sema_error(cx, LG_DECLARATION, n->a->sp, "the default of %s is outside its range", n->name);
    else return true;
    return false;
}

static void open_param(Cx *cx, SemaOp *op, const AstNode *n)
{
    SemaParam p;
    if (!is_new(cx, op, n, n->name, n->name_sp) || !has_room(cx, op->nparams, SEMA_MAX_PARAMS, "params", n->sp)) return;
    if (sema_open_param(cx, n, &p)) *ARENA_PUSH(cx->a, op->params, op->nparams, op->capparams) = p;
}

static void open_fact(Cx *cx, SemaOp *op, const AstNode *n)
{
    switch (n->kind) {
    case AST_OP:     open_name(cx, op, n); break;
    case AST_DIM:    open_dims(cx, op, n); break;
    case AST_TYPE:   open_type(cx, op, n); break;
    case AST_OPTION: open_option(cx, op, n); break;
    case AST_PARAM:  open_param(cx, op, n); break;
    default: break;
    }
}

SemaOp *sema_open(const AstSpec *ast, Arena *a, Diag *d)
{
    SemaOp *op = ARENA_NEW(a, SemaOp);
    Cx *cx = ARENA_NEW(a, Cx);
    cx->op = op;
    cx->a = a;
    cx->d = d;
    op->file = ast->file;
    for (const AstNode *n = ast->decls.first; n; n = n->next) open_fact(cx, op, n);
    for (const AstNode *n = ast->decls.first; n; n = n->next)
        if (n->kind == AST_KERNEL && has_room(cx, op->nkernels, SEMA_MAX_KERNELS, "kernels", n->sp)) sema_open_kernel(cx, op, n);
    for (const AstNode *n = ast->decls.first; n; n = n->next)
        if (n->kind == AST_CHECK) sema_open_check(cx, op, n);
    Span start = { ast->file, 0, 0 };
    if (!op->name) sema_error(cx, LG_DECLARATION, start, "the spec names no op: begin with op NAME \"what it computes\"");
    else if (!op->nkernels && !cx->failed) sema_error(cx, LG_DECLARATION, op->sp, "%s has no kernel", op->name);
    return cx->failed ? NULL : op;
}
