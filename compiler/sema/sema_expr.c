/* sema_expr.c: names and expressions.
 *
 * In: a tree.  Out: a Value.  Invariant: of a select on something known now, only the branch taken is looked at, so
 * that the other may name absent tensors.
 */
#include "sema_in.h"
#include <math.h>
#include <string.h>

#define FIND(array, count, name) \
    for (uint32_t i_ = 0; i_ < (count); i_++) if (!strcmp((array)[i_].name, (name))) return (int)i_; \
    return -1

int find_dim(const SemaOp *op, const char *name)    { FIND(op->dims, op->ndims, name); }
int find_type(const SemaOp *op, const char *name)   { FIND(op->types, op->ntypes, name); }
int find_option(const SemaOp *op, const char *name) { FIND(op->options, op->noptions, name); }
int find_tensor(const SemaKernel *k, const char *name) { FIND(k->tensors, k->ntensors, name); }
int find_param(const SemaParam *p, uint32_t n, const char *name) { FIND(p, n, name); }

int find_choice(const SemaOption *o, const char *name)
{
    for (uint32_t i = 0; i < o->n; i++)
        if (!strcmp(o->choice[i], name)) return (int)i;
    return -1;
}

Local *find_local(Cx *cx, const char *name)
{
    for (uint32_t i = cx->nlocals; i-- > 0;)
        if (!strcmp(cx->locals[i].name, name)) return &cx->locals[i];
    return NULL;
}

DType sema_dtype(Cx *cx, const char *name)
{
    int t = find_type(cx->op, name);
    if (t >= 0) return cx->b ? cx->op->types[t].choice[cx->b->type[t]] : cx->op->types[t].choice[0];
    return dt_from_name(name);
}

const char **sema_visible(Cx *cx, size_t *n)
{
    const SemaOp *op = cx->op;
    size_t most = cx->nlocals + op->ndims + op->noptions + op->nparams + op->ntypes + SEMA_MAX_TENSORS + SEMA_MAX_PARAMS + 3, k = 0;
    const char **names = ARENA_ARRAY(cx->a, const char *, most);
    for (uint32_t i = 0; i < cx->nlocals; i++) names[k++] = cx->locals[i].name;
    for (uint32_t i = 0; i < op->ndims; i++) names[k++] = op->dims[i].name;
    for (uint32_t i = 0; i < op->noptions; i++) names[k++] = op->options[i].name;
    for (uint32_t i = 0; i < op->ntypes; i++) names[k++] = op->types[i].name;
    for (uint32_t i = 0; cx->k && i < cx->k->nparams; i++) names[k++] = cx->k->params[i].name;
    for (uint32_t i = 0; cx->k && i < cx->k->ntensors; i++) names[k++] = cx->k->tensors[i].name;
    *n = k;
    return names;
}

static bool name_taken(Cx *cx, const char *name, Span *at)
{
    Local *l = find_local(cx, name);
    int i;
    if (l) *at = l->sp;
    else if (cx->k && (i = find_tensor(cx->k, name)) >= 0) *at = cx->k->tensors[i].sp;
    else if (cx->k && (i = find_param(cx->k->params, cx->k->nparams, name)) >= 0) *at = cx->k->params[i].sp;
    else if ((i = find_param(cx->op->params, cx->op->nparams, name)) >= 0) *at = cx->op->params[i].sp;
    else if ((i = find_dim(cx->op, name)) >= 0) *at = cx->op->dims[i].sp;
    else if ((i = find_option(cx->op, name)) >= 0) *at = cx->op->options[i].sp;
    else if ((i = find_type(cx->op, name)) >= 0) *at = cx->op->types[i].sp;
    else return false;
    return true;
}

void sema_declare(Cx *cx, const AstNode *n, Value v, bool var)
{
    Span at;
    if (name_taken(cx, n->name, &at)) {
        sema_error(cx, LG_TWICE, n->name_sp, "%.60s is declared already", n->name);
        sema_note(cx, at, "here");
    }
    Local *l = ARENA_PUSH(cx->a, cx->locals, cx->nlocals, cx->caplocals);
    *l = (Local){ n->name, v, var, cx->region, n->name_sp };
}

static Value param_value(Cx *cx, int i, Span sp)
{
    const SemaParam *p = &cx->k->params[i];
    return value_tile(cx, tir_add(cx->fn, (TirOp){ .op = TIR_PARAM, .dt = (uint8_t)p->dt, .ref = (uint16_t)i, .sp = sp }), sp);
}

static bool constant(const char *name, double *f)
{
    static const struct { const char *name; double f; } known[] = { { "inf", HUGE_VAL }, { "nan", (double)NAN }, { "pi", 3.14159265358979323846 } };
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (!strcmp(known[i].name, name)) return *f = known[i].f, true;
    return false;
}

static int kernel_dim(Cx *cx, int dim)
{
    for (uint32_t i = 0; i < cx->k->ndims; i++)
        if (cx->k->dims[i] == (uint32_t)dim) return (int)i;
    return 0;
}

static Value wrong_name(Cx *cx, const AstNode *n)
{
    size_t count;
    const char **known = sema_visible(cx, &count);
    if (cx->k && find_tensor(cx->k, n->name) >= 0)
        sema_error(cx, LG_INDEX, n->sp, "%s is a tensor; slice it, as in %s[..]", n->name, n->name);
    else if (find_type(cx->op, n->name) >= 0 || dt_from_name(n->name))
        sema_error(cx, LG_DTYPE, n->sp, "%s is a type, not a value; to convert write %s(..)", n->name, n->name);
    else if (find_option(cx->op, n->name) >= 0)
        sema_error(cx, LG_CONST, n->sp, "%s is an option with names for values; compare it, as in %s == %s", n->name, n->name, cx->op->options[find_option(cx->op, n->name)].choice[0]);
    else if (!cx->fn) sema_error(cx, LG_EXTENT, n->sp, "%.60s is not a dim; extents are made of dims and numbers", n->name);
    else sema_unknown(cx, LG_NAME, n->sp, "value", n->name, known, count);
    return value_bad();
}

/* Is option i its choice k? Known now, or at run time where it is open. */
static Value option_is(Cx *cx, int i, int k, bool equal, Span sp)
{
    uint32_t scalar = cx->k ? cx->k->nparams : 0;
    if (cx->b->option[i] != SEMA_OPEN) return value_bool((k == cx->b->option[i]) == equal, sp);
    for (int j = 0; j < i; j++) scalar += (cx->k->options >> j & 1) && cx->b->option[j] == SEMA_OPEN;
    TirVal chosen = tir_add(cx->fn, (TirOp){ .op = TIR_PARAM, .dt = DT_I64, .ref = (uint16_t)scalar, .sp = sp });
    return value_tile(cx, tir_elem(cx->fn, equal ? TIR_EQ : TIR_NE, chosen, tir_const_i(cx->fn, DT_I64, k), 0), sp);
}

static Value name_value(Cx *cx, const AstNode *n)
{
    double f;
    int i = find_dim(cx->op, n->name);
    Local *l = find_local(cx, n->name);
    if (l) {
        Value v = l->v;
        v.sp = n->sp;
        return v;
    }
    if (i >= 0 && cx->k) return value_ext(tir_ext_dim((uint32_t)kernel_dim(cx, i)), n->sp);
    if (cx->fn && (i = find_param(cx->k->params, cx->k->nparams, n->name)) >= 0) return param_value(cx, i, n->sp);
    i = find_option(cx->op, n->name);
    if (i >= 0 && cx->op->options[i].is_bool && cx->b) return option_is(cx, i, 1, true, n->sp);
    if (cx->fn && constant(n->name, &f)) return value_float(f, n->sp);
    return wrong_name(cx, n);
}

/* `casting == llama`: known now. */
static bool option_test(Cx *cx, const AstNode *n, Value *out)
{
    const AstNode *o = n->a, *c = n->b;
    if ((n->op != AO_EQ && n->op != AO_NE) || !cx->b) return false;
    if (c->kind == AST_NAME && find_option(cx->op, c->name) >= 0 && (o->kind != AST_NAME || find_option(cx->op, o->name) < 0)) o = n->b, c = n->a;
    int i = o->kind == AST_NAME && !find_local(cx, o->name) ? find_option(cx->op, o->name) : -1;
    if (i < 0 || cx->op->options[i].is_bool) return false;
    const SemaOption *opt = &cx->op->options[i];
    int k = c->kind == AST_NAME ? find_choice(opt, c->name) : -1;
    if (k >= 0) return *out = option_is(cx, i, k, n->op == AO_EQ, n->sp), true;
    *out = value_bad();
    if (c->kind == AST_NAME) sema_unknown(cx, LG_NAME, c->sp, arena_strf(cx->a, "value of %s", opt->name), c->name, opt->choice, opt->n);
    else sema_error(cx, LG_CONST, c->sp, "%s is one of %s", opt->name, sema_list(cx->a, opt->choice, opt->n));
    sema_note(cx, opt->sp, "%s is declared here", opt->name);
    return true;
}

static bool is_type(Cx *cx, const AstNode *n)
{
    return n->kind == AST_NAME && !find_local(cx, n->name) && (find_type(cx->op, n->name) >= 0 || dt_from_name(n->name));
}

/* `T == f32`, `T == W`: known now. */
static bool type_test(Cx *cx, const AstNode *n, Value *out)
{
    if ((n->op != AO_EQ && n->op != AO_NE) || !is_type(cx, n->a) || !is_type(cx, n->b) || !cx->b) return false;
    *out = value_bool((sema_dtype(cx, n->a->name) == sema_dtype(cx, n->b->name)) == (n->op == AO_EQ), n->sp);
    return true;
}

static Value binary(Cx *cx, const AstNode *n)
{
    Value r;
    if (option_test(cx, n, &r) || type_test(cx, n, &r)) return r;
    Value a = sema_expr(cx, n->a);
    if (a.kind == V_BOOL && ((n->op == AO_AND && !a.i) || (n->op == AO_OR && a.i))) return value_bool(a.i, n->sp);
    return arith_binary(cx, n, a, sema_expr(cx, n->b));
}

static Value select_value(Cx *cx, const AstNode *n)
{
    Value v[3] = { sema_expr(cx, n->a) };
    if (v[0].kind == V_BAD) return v[0];
    if (v[0].kind == V_BOOL) return sema_expr(cx, v[0].i ? n->b : n->c);
    if (value_dt(cx, v[0]) != DT_BOOL) {
        sema_error(cx, LG_DTYPE, n->a->sp, "a condition is bool, not %s", value_text(cx, v[0]));
        return value_bad();
    }
    v[1] = sema_expr(cx, n->b);
    v[2] = sema_expr(cx, n->c);
    if (!value_unify(cx, &v[1], &v[2], "choose between")) return value_bad();
    return value_elem(cx, TIR_SELECT, v, 3, n->sp, "choose by");
}

static bool worn_out(Cx *cx, Span sp)
{
    if (++cx->work <= SEMA_MAX_WORK) return false;
    if (!cx->worn_out) sema_error(cx, LG_DEPTH, sp, "the kernel grows beyond %d expressions when its loops are unrolled", SEMA_MAX_WORK);
    return cx->worn_out = true;
}

/* Kinds that extents outside kernels may have. */
static bool only_extents(Cx *cx, const AstNode *n)
{
    bool ok = n->kind == AST_NAME || n->kind == AST_INT || n->kind == AST_BINARY || (n->kind == AST_UNARY && n->op == AO_MINUS);
    if (!ok) sema_error(cx, LG_EXTENT, n->sp, "an extent is made of dims, numbers, + - * and /");
    return ok;
}

Value sema_expr(Cx *cx, const AstNode *n)
{
    if (worn_out(cx, n->sp) || (!cx->fn && !cx->b && !only_extents(cx, n))) return value_bad();
    switch (n->kind) {
    case AST_NAME:   return name_value(cx, n);
    case AST_INT:    return value_int(n->i, n->sp);
    case AST_FLOAT:  return value_float(n->f, n->sp);
    case AST_BOOL:   return value_bool(n->i, n->sp);
    case AST_BINARY: return binary(cx, n);
    case AST_UNARY:  return arith_unary(cx, n, sema_expr(cx, n->a));
    case AST_SELECT: return select_value(cx, n);
    case AST_CALL:   return sema_call(cx, n);
    case AST_INDEX:  return sema_index(cx, n);
    default:         break;
    }
    cx->failed = true;                /* the grammar puts no other kind here */
    return value_bad();
}

bool sema_const_bool(Cx *cx, const AstNode *n, bool *out)
{
    Value v = sema_expr(cx, n);
    *out = v.i;
    if (v.kind == V_BOOL) return true;
    if (v.kind != V_BAD) sema_error(cx, LG_CONST, n->sp, "the condition is made of options and types, so that it is known when the kernel is compiled");
    return false;
}

bool sema_extent(Cx *cx, const AstNode *n, TirExt *out)
{
    Value v = sema_expr(cx, n);
    if (v.kind == V_BAD) return false;
    if (value_as_ext(v, out)) return true;
    sema_error(cx, LG_EXTENT, n->sp, "an extent is wanted, not %s", cx->fn ? value_text(cx, v) : "this");
    return false;
}
