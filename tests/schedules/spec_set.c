/* spec_set.c: see spec_set.h. */
#include "spec_set.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int by_name(const void *x, const void *y) { return strcmp(((const Spec *)x)->file, ((const Spec *)y)->file); }

static bool open_spec(SpecSet *set, const char *folder, Spec *s)
{
    char *text = arena_alloc(set->a, AST_MAX_BYTES + 1);
    FILE *f = fopen(arena_strf(set->a, "%s/%s", folder, s->file), "rb");
    size_t n = f ? fread(text, 1, AST_MAX_BYTES, f) : 0;
    if (f)
        fclose(f);
    AstSpec *ast = ast_parse(diag_add_file(&set->d, s->file, text, n), set->a, &set->d);
    s->op = sema_open(ast, set->a, &set->d);
    return s->op && !set->d.nerrors;
}

bool spec_set_open(SpecSet *set, const char *folder)
{
    *set = (SpecSet){.a = arena_new()};
    diag_init(&set->d, set->a);
    DIR *dir = opendir(folder);
    for (struct dirent *e; dir && (e = readdir(dir));) {
        size_t n = strlen(e->d_name);
        if (n > 5 && !strcmp(e->d_name + n - 5, ".tile"))
            ARENA_PUSH(set->a, set->spec, set->n, set->cap)->file = arena_strn(set->a, e->d_name, n);
    }
    if (dir)
        closedir(dir);
    if (set->n)
        qsort(set->spec, set->n, sizeof *set->spec, by_name);
    for (uint32_t i = 0; i < set->n; i++)
        if (!open_spec(set, folder, &set->spec[i]))
            return false;
    return set->n > 0;
}

void spec_set_close(SpecSet *set) { arena_free(set->a); }

/* ---- inputs ---- */

bool spec_call_fits(const SpecCall *c)
{
    int64_t v;
    bool ok = true;
    for (uint32_t i = 0; i < c->fn->ntensors; i++)
        for (int k = 0; k < c->fn->tensors[i].rank; k++)
            ok = ok && tir_ext_eval(c->fn->tensors[i].shape[k], c->dims, &v);
    for (uint32_t i = 0; i < c->fn->naxes; i++)
        ok = ok && tir_ext_eval(c->fn->axes[i].ext, c->dims, &v);
    for (uint32_t i = 0; i < c->fn->npars; i++)
        ok = ok && tir_ext_eval(c->fn->pars[i].ext, c->dims, &v);
    return ok;
}

/* By name, so that a forward and a backward kernel get the same x. */
static uint64_t salt_of(const char *name)
{
    uint64_t h = 1469598103934665603u;
    for (; *name; name++)
        h = (h ^ (uint8_t)*name) * 1099511628211u;
    return h;
}

static int64_t dim_value(const SpecCall *c, const char *name)
{
    for (uint32_t i = 0; i < c->fn->ndims; i++)
        if (!strcmp(c->fn->dims[i].name, name))
            return c->dims[i];
    return 1;
}

/* What the integers of a tensor stay below: as the check blocks say, else the smallest size. */
static int64_t bound_of(const SpecCall *c, const char *tensor)
{
    int64_t least = INT64_MAX;
    for (uint32_t k = 0; k < c->op->nchecks; k++)
        for (uint32_t i = 0; i < c->op->checks[k].nbelow; i++)
            if (!strcmp(c->op->checks[k].below[i].tensor, tensor))
                return c->op->checks[k].below[i].dim ? dim_value(c, c->op->checks[k].below[i].dim) : c->op->checks[k].below[i].bound;
    for (uint32_t i = 0; i < c->fn->ndims; i++)
        least = c->dims[i] && c->dims[i] < least ? c->dims[i] : least;
    return least;
}

static void fill(SpecCall *c, uint32_t i)
{
    const TirTensor *t = &c->fn->tensors[i];
    uint64_t seed = c->seed * 1315423911u + salt_of(t->name);
    int64_t below = dt_is_float(t->dt) ? 0 : bound_of(c, t->name);
    for (int64_t k = 0; k < c->o.count[i]; k++) {
        double v = check_value(c->input, seed, (uint64_t)k);
        if (!dt_is_float(t->dt))
            v = below > 0 ? (double)((uint64_t)(check_random(seed, (uint64_t)k) * 1e6 + 1e8) % (uint64_t)below) : 0;
        c->o.given[i][k] = eval_round(v, t->dt);
    }
}

static bool draw_inputs(SpecCall *c, Arena *a)
{
    c->o = (CheckOracle){.fn = c->fn, .dims = c->dims, .scalars = c->scalars, .a = a};
    if (!check_oracle_open(&c->o))
        return false;
    for (uint32_t i = 0; i < c->fn->ntensors; i++)
        if (check_is_input(&c->fn->tensors[i]))
            fill(c, i);
    return true;
}

/* ---- what forward saves for backward ---- */

static const SemaDeriv *deriv_of(const SpecCall *c)
{
    for (uint32_t k = 0; k < c->op->nchecks; k++)
        for (uint32_t i = 0; i < c->op->checks[k].nderivs; i++)
            if (c->op->checks[k].derivs[i].backward == c->kernel)
                return &c->op->checks[k].derivs[i];
    return NULL;
}

static SpecCall forward_of(const SpecCall *c, uint32_t kernel, Arena *a, Diag *d)
{
    SpecCall f = *c;
    f.kernel = kernel;
    f.fn = sema_kernel(c->op, kernel, &c->b, a, d);
    for (uint32_t i = 0; f.fn && i < f.fn->ndims; i++)
        f.dims[i] = dim_value(c, f.fn->dims[i].name);
    for (uint32_t i = 0; f.fn && i < f.fn->nscalars; i++) {
        f.scalars[i] = f.fn->scalars[i].has_default ? f.fn->scalars[i].defval : 1;
        for (uint32_t k = 0; k < c->fn->nscalars; k++)
            if (!strcmp(c->fn->scalars[k].name, f.fn->scalars[i].name))
                f.scalars[i] = c->scalars[k];
    }
    return f;
}

static bool take_saved(SpecCall *c, Arena *a, Diag *d)
{
    const SemaDeriv *dv = deriv_of(c);
    if (!dv)
        return true;
    SpecCall f = forward_of(c, dv->forward, a, d);
    if (!f.fn || !spec_call_fits(&f))
        return false;
    if (!draw_inputs(&f, a) || !check_oracle_exact(&f.o, d))
        return false;
    for (uint32_t i = 0; i < dv->npairs; i++) {
        uint32_t to = dv->pairs[i].backward, from = dv->pairs[i].forward;
        if (dv->pairs[i].kind != SEMA_PAIR_SAME || f.fn->tensors[from].mode != TIR_OUT || c->fn->tensors[to].mode != TIR_IN)
            continue;
        for (int64_t k = 0; k < c->o.count[to]; k++)
            c->o.given[to][k] = eval_round(f.o.exact[from][k], c->fn->tensors[to].dt);
    }
    return true;
}

bool spec_call_inputs(SpecCall *c, Arena *a, Diag *d) { return draw_inputs(c, a) && take_saved(c, a, d); }
