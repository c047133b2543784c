/* sema_checks.c: check blocks as data: what is varied, what the inputs are, what is the gradient of what.
 *
 * In: a CHECK node, after all kernels are known.  Out: one SemaCheck.  What is not said: every type and option with all
 * its choices, normal inputs, dims at the checker's own sizes.  Does not run anything.
 */
#include "sema_in.h"
#include <string.h>

static const char *const input_names[SEMA_INPUT_COUNT] = {
#define X(e, name, doc) [SEMA_INPUT_##e] = name,
#include "check_input.def"
#undef X
};

const char *sema_input_name(SemaInput i) { return input_names[i]; }

static const SemaParam *param_named(const SemaOp *op, const char *name)
{
    int i = find_param(op->params, op->nparams, name);
    if (i >= 0) return &op->params[i];
    for (uint32_t k = 0; k < op->nkernels; k++)
        if ((i = find_param(op->kernels[k].params, op->kernels[k].nparams, name)) >= 0) return &op->kernels[k].params[i];
    return NULL;
}

static bool is_param(const SemaOp *op, const char *name) { return param_named(op, name) != NULL; }

static void put_value(Cx *cx, SemaValues *to, double v)
{
    if (!(to->n & (to->n - 1))) {              /* full: room is a power of two */
        double *p = ARENA_ARRAY(cx->a, double, to->n ? 2 * (size_t)to->n : 1);
        if (to->n) memcpy(p, to->v, to->n * sizeof *p);
        to->v = p;
    }
    to->v[to->n++] = v;
}

static void set_dim(Cx *cx, SemaCheck *c, int dim, const AstNode *v)
{
    double x;
    if (v->kind == AST_INT && v->i <= (int64_t)1 << 40) put_value(cx, &c->dim[dim], (double)v->i);
    else if (sema_number(cx, v, &x)) sema_error(cx, LG_CLAUSE, v->sp, "the size of a dim is a whole number from 0 on");
}

static void set_type(Cx *cx, SemaCheck *c, int type, const AstNode *v)
{
    const SemaType *t = &cx->op->types[type];
    const char *known[SEMA_MAX_CHOICES];
    for (uint32_t i = 0; i < t->n; i++) known[i] = dt_name(t->choice[i]);
    for (uint32_t i = 0; i < t->n && v->kind == AST_NAME; i++)
        if (!strcmp(known[i], v->name)) {
            c->type[type] |= 1u << i;
            return;
        }
    if (v->kind == AST_NAME) sema_unknown(cx, LG_CLAUSE, v->sp, arena_strf(cx->a, "choice of %s", t->name), v->name, known, t->n);
    else sema_error(cx, LG_CLAUSE, v->sp, "%s is one of %s", t->name, sema_list(cx->a, known, t->n));
}

static void set_option(Cx *cx, SemaCheck *c, int option, const AstNode *v)
{
    const SemaOption *o = &cx->op->options[option];
    int k = v->kind == AST_NAME ? find_choice(o, v->name) : v->kind == AST_BOOL && o->is_bool ? (int)v->i : -1;
    if (k >= 0) c->option[option] |= 1u << k;
    else if (v->kind == AST_NAME) sema_unknown(cx, LG_CLAUSE, v->sp, arena_strf(cx->a, "value of %s", o->name), v->name, o->choice, o->n);
    else sema_error(cx, LG_CLAUSE, v->sp, "%s is one of %s", o->name, sema_list(cx->a, o->choice, o->n));
}

static void set_param(Cx *cx, SemaCheck *c, const AstNode *name, const AstNode *v)
{
    double x;
    SemaFix *f = NULL;
    if (!sema_number(cx, v, &x)) return;
    if (!sema_in_range(&param_named(cx->op, name->name)->range, x)) {
        sema_error(cx, LG_CLAUSE, v->sp, "%g is outside the range of %s", x, name->name);
        sema_note(cx, param_named(cx->op, name->name)->sp, "%s is declared here", name->name);
        return;
    }
    for (uint32_t i = 0; i < c->nfixes; i++)
        if (!strcmp(c->fixes[i].name, name->name)) f = &c->fixes[i];
    if (!f) *(f = ARENA_PUSH(cx->a, c->fixes, c->nfixes, c->capfixes)) = (SemaFix){ .name = name->name, .sp = name->name_sp };
    put_value(cx, &f->values, x);
}

static void unknown_subject(Cx *cx, const AstNode *name)
{
    size_t n = 0;
    const SemaOp *op = cx->op;
    const char **known = ARENA_ARRAY(cx->a, const char *, op->ndims + op->ntypes + op->noptions + op->nparams + SEMA_MAX_KERNELS * SEMA_MAX_PARAMS);
    for (uint32_t i = 0; i < op->ndims; i++) known[n++] = op->dims[i].name;
    for (uint32_t i = 0; i < op->ntypes; i++) known[n++] = op->types[i].name;
    for (uint32_t i = 0; i < op->noptions; i++) known[n++] = op->options[i].name;
    for (uint32_t k = 0; k < op->nkernels; k++)
        for (uint32_t i = 0; i < op->kernels[k].nparams; i++) known[n++] = op->kernels[k].params[i].name;
    sema_unknown(cx, LG_CLAUSE, name->name_sp, "dim, type, option or param", name->name, known, n);
}

static void set_one(Cx *cx, SemaCheck *c, const AstNode *name, const AstNode *v)
{
    int i;
    if ((i = find_dim(cx->op, name->name)) >= 0) set_dim(cx, c, i, v);
    else if ((i = find_type(cx->op, name->name)) >= 0) set_type(cx, c, i, v);
    else if ((i = find_option(cx->op, name->name)) >= 0) set_option(cx, c, i, v);
    else if (is_param(cx->op, name->name)) set_param(cx, c, name, v);
    else unknown_subject(cx, name);
}

static void set_all(Cx *cx, SemaCheck *c, const AstNode *name)
{
    int i;
    if ((i = find_type(cx->op, name->name)) >= 0) c->type[i] = (1u << cx->op->types[i].n) - 1;
    else if ((i = find_option(cx->op, name->name)) >= 0) c->option[i] = (1u << cx->op->options[i].n) - 1;
    else if (find_dim(cx->op, name->name) >= 0 || is_param(cx->op, name->name)) sema_error(cx, LG_CLAUSE, name->sp, "%s has no list of choices: give its values, as in %s in { .. }", name->name, name->name);
    else unknown_subject(cx, name);
}

static void set_inputs(Cx *cx, SemaCheck *c, const AstNode *n)
{
    for (const AstNode *k = n->kids.first; k; k = k->next) {
        int found = -1;
        for (int i = 0; i < SEMA_INPUT_COUNT; i++)
            if (!strcmp(input_names[i], k->name)) found = i;
        if (found >= 0) c->inputs |= 1u << found;
        else sema_unknown(cx, LG_CLAUSE, k->sp, "kind of inputs", k->name, input_names, SEMA_INPUT_COUNT);
    }
}

static void set_list(Cx *cx, SemaCheck *c, const AstNode *n)
{
    static const char *const clauses[] = { "inputs", "oracle", "gradient" };
    if (!strcmp(n->name, "inputs")) set_inputs(cx, c, n);
    else if (strcmp(n->name, "oracle")) sema_unknown(cx, LG_CLAUSE, n->name_sp, "clause", n->name, clauses, 3);
    else if (n->kids.n != 1 || strcmp(n->kids.first->name, "f64")) sema_error(cx, LG_CLAUSE, n->sp, "the oracle computes in f64, nothing else");
}

static void set_below(Cx *cx, SemaCheck *c, const AstNode *n)
{
    bool found = false;
    for (uint32_t k = 0; k < cx->op->nkernels; k++) found |= find_tensor(&cx->op->kernels[k], n->name) >= 0;
    if (!found) {
        sema_error(cx, LG_CLAUSE, n->name_sp, "no kernel has a tensor %.60s", n->name);
        return;
    }
    SemaBelow *b = NULL;
    for (uint32_t i = 0; i < c->nbelow; i++)
        if (!strcmp(c->below[i].tensor, n->name)) b = &c->below[i];
    if (!b) *(b = ARENA_PUSH(cx->a, c->below, c->nbelow, c->capbelow)) = (SemaBelow){ .tensor = n->name, .sp = n->sp };
    bool minus = n->a->kind == AST_UNARY && n->a->op == AO_MINUS;
    const AstNode *v = minus ? n->a->a : n->a;
    if (!n->mode && n->a->kind == AST_NAME && find_dim(cx->op, n->a->name) >= 0) b->dim = n->a->name;
    else if (v->kind != AST_INT || (minus && !n->mode)) sema_error(cx, LG_CLAUSE, n->a->sp, n->mode ? "the least value of %s is a whole number" : "the bound of %s is a dim or a whole number", n->name);
    else if (n->mode) b->least = minus ? -v->i : v->i;
    else b->bound = v->i;
}

/* ---- gradients ---- */
static int kernel_named(Cx *cx, const AstNode *n)
{
    const char *known[SEMA_MAX_KERNELS];
    int k = sema_find_kernel(cx->op, n->name);
    for (uint32_t i = 0; i < cx->op->nkernels; i++) known[i] = cx->op->kernels[i].name;
    if (k < 0) sema_unknown(cx, LG_CLAUSE, n->sp, "kernel", n->name, known, cx->op->nkernels);
    return k;
}

/* dy is the upstream gradient of the out y; the out dx is the gradient of the in x; other ins are forward's by name. */
static bool pair(const SemaKernel *f, const SemaTensor *t, SemaPair *p)
{
    int of = t->name[0] == 'd' ? find_tensor(f, t->name + 1) : -1, same = find_tensor(f, t->name);
    bool out = t->mode != TIR_IN;
    p->forward = (uint32_t)(of >= 0 ? of : same);
    p->kind = out ? SEMA_PAIR_GRADIENT : of >= 0 && same < 0 ? SEMA_PAIR_UPSTREAM : SEMA_PAIR_SAME;
    if (p->kind == SEMA_PAIR_GRADIENT) return of >= 0 && f->tensors[of].mode == TIR_IN;
    if (p->kind == SEMA_PAIR_UPSTREAM) return f->tensors[of].mode == TIR_OUT;
    p->forward = (uint32_t)same;
    return same >= 0;
}

/* Counts and flags that a kernel adds to. */
static bool is_count(const SemaTensor *t) { return t->mode == TIR_INOUT && t->type < 0 && !dt_is_float(t->dt); }

static void set_gradient(Cx *cx, SemaCheck *c, const AstNode *n)
{
    if (strcmp(n->name, "gradient")) {
        sema_error(cx, LG_CLAUSE, n->name_sp, "the clause reads: gradient of FORWARD is BACKWARD");
        return;
    }
    int f = kernel_named(cx, n->a), b = kernel_named(cx, n->b);
    if (f < 0 || b < 0) return;
    const SemaKernel *back = &cx->op->kernels[b];
    SemaDeriv d = { (uint32_t)f, (uint32_t)b, ARENA_ARRAY(cx->a, SemaPair, back->ntensors + 1), 0, n->sp };
    for (uint32_t t = 0; t < back->ntensors; t++) {
        SemaPair p = { .backward = t };
        if (is_count(&back->tensors[t])) continue;
        if (pair(&cx->op->kernels[f], &back->tensors[t], &p)) d.pairs[d.npairs++] = p;
        else {
            sema_error(cx, LG_CLAUSE, n->sp, "%s of %s has no part in the gradient of %s", back->tensors[t].name, back->name, cx->op->kernels[f].name);
            sema_note(cx, back->tensors[t].sp, "expected: dX for an X of %s, or one of its own tensors", cx->op->kernels[f].name);
        }
    }
    *ARENA_PUSH(cx->a, c->derivs, c->nderivs, c->capderivs) = d;
}

static void clause(Cx *cx, SemaCheck *c, const AstNode *n)
{
    switch (n->kind) {
    case AST_C_SET:
        for (const AstNode *k = n->kids.first; k; k = k->next)
            for (const AstNode *v = n->body.first; v; v = v->next) set_one(cx, c, k, v);
        break;
    case AST_C_ALL:
        for (const AstNode *k = n->kids.first; k; k = k->next) set_all(cx, c, k);
        break;
    case AST_C_LIST:  set_list(cx, c, n); break;
    case AST_C_FIX:   set_one(cx, c, n, n->a); break;
    case AST_C_BELOW: set_below(cx, c, n); break;
    case AST_C_DERIV: set_gradient(cx, c, n); break;
    default: break;
    }
}

static void fill_unsaid(const SemaOp *op, SemaCheck *c)
{
    for (uint32_t i = 0; i < op->ntypes; i++)
        if (!c->type[i]) c->type[i] = (1u << op->types[i].n) - 1;
    for (uint32_t i = 0; i < op->noptions; i++)
        if (!c->option[i]) c->option[i] = (1u << op->options[i].n) - 1;
    if (!c->inputs) c->inputs = 1u << SEMA_INPUT_NORMAL;
    if (!c->kernels) c->kernels = (1u << op->nkernels) - 1;
}

void sema_open_check(Cx *cx, SemaOp *op, const AstNode *n)
{
    SemaCheck c = { .sp = n->sp };
    for (const AstNode *k = n->body.first; k; k = k->next) {
        int i = kernel_named(cx, k);
        if (i >= 0) c.kernels |= 1u << i;
    }
    for (const AstNode *k = n->kids.first; k; k = k->next) clause(cx, &c, k);
    fill_unsaid(op, &c);
    *ARENA_PUSH(cx->a, op->checks, op->nchecks, op->capchecks) = c;
}

bool sema_check_covers(const SemaOp *op, const SemaCheck *k, uint32_t kernel, const SemaBinding *b)
{
    if (!(k->kernels >> kernel & 1)) return false;
    for (uint32_t i = 0; i < op->ntypes; i++)
        if (op->kernels[kernel].types >> i & 1 && !(k->type[i] >> b->type[i] & 1)) return false;
    for (uint32_t i = 0; i < op->noptions; i++)
        if (op->kernels[kernel].options >> i & 1 && b->option[i] != SEMA_OPEN && !(k->option[i] >> b->option[i] & 1)) return false;
    return true;
}
