/* sema_index.c: indices: loads, stores, sums across instances, elements of tiles.
 *
 * In: a name with indices.  Out: a Value or a store.  Invariant: every slice and every coordinate lies within the
 * tensor for all sizes, shown here; only loaded indices are left to run time.
 */
#include "sema_in.h"
#include <string.h>

typedef struct Place { TirIndex ix[TIR_MAX_RANK]; Access acc; uint32_t n; bool gathers; } Place;

/* e >= 0 for all dims >= 0. */
static bool never_negative(TirExt e)
{
    bool ok = e.c >= 0;
    for (int i = 0; i < TIR_MAX_DIMS; i++) ok &= e.k[i] >= 0;
    return ok;
}

static bool within(Cx *cx, TirExt end, TirExt size, Span sp, const char *tensor)
{
    if (never_negative(tir_ext_add(size, end, -1))) return true;
    sema_error(cx, LG_INDEX, sp, "%s has extent %s here, which may be less than %s", tensor, ext_text(cx, size), ext_text(cx, end));
    return false;
}

static bool slice_step(Cx *cx, const AstNode *n, int64_t *step)
{
    *step = 1;
    if (!n->c) return true;
    Value v = sema_expr(cx, n->c);
    *step = v.i;
    if (v.kind == V_INT && v.i >= 1 && v.i <= 1 << 16) return true;
    if (v.kind != V_BAD) sema_error(cx, LG_INDEX, n->c->sp, "the step of a slice is a number from 1 to 65536");
    return false;
}

/* A number of elements that is a fraction for every size. */
static bool divides_never(TirExt e)
{
    bool constant = true;
    for (int i = 0; i < TIR_MAX_DIMS; i++) constant &= !e.k[i];
    return constant && e.c % e.den;
}

static bool take_slice(Cx *cx, const AstNode *n, TirExt size, const char *tensor, TirIndex *ix)
{
    TirExt lo = tir_ext_const(0), hi = size, len;
    int64_t step, c;
    if ((n->a && !sema_extent(cx, n->a, &lo)) || (n->b && !sema_extent(cx, n->b, &hi)) || !slice_step(cx, n, &step)) return false;
    /* first:end:step with first < step takes as many elements as 0:end:step, where the step divides the end */
    bool phase = tir_ext_is_const(lo, &c) && c > 0 && c < step;
    len = tir_ext_scale(phase ? hi : tir_ext_add(hi, lo, -1), 1, step);
    if (!never_negative(lo) || !never_negative(len)) {
        sema_error(cx, LG_INDEX, n->sp, "the slice %s:%s is not sure to have an extent of 0 or more", ext_text(cx, lo), ext_text(cx, hi));
        return false;
    }
    if (!within(cx, hi, size, n->sp, tensor)) return false;
    if (divides_never(len)) {
        sema_error(cx, LG_INDEX, n->sp, "the step %lld does not divide the slice", (long long)step);
        return false;
    }
    TirVal start = tir_ext_is_const(lo, &c) && !c ? 0 : value_as(cx, value_ext(lo, n->sp), DT_I64).v;
    *ix = (TirIndex){ TIR_IX_SLICE, (uint16_t)axis_of(cx, len), (int32_t)step, start };
    return true;
}

/* What can be known of an index's range. */
static bool in_range(Cx *cx, Value v, TirExt size, const char *tensor)
{
    TirExt e;
    if (v.whole) return within(cx, cx->fn->pars[v.par - 1].ext, size, v.sp, tensor);
    if (!value_as_ext(v, &e)) return true;
    if (!never_negative(e)) {
        sema_error(cx, LG_INDEX, v.sp, "the index %s may be negative", ext_text(cx, e));
        return false;
    }
    return within(cx, tir_ext_add(e, tir_ext_const(1), 1), size, v.sp, tensor);
}

static bool take_index(Cx *cx, const AstNode *n, TirExt size, const char *tensor, Place *p)
{
    TirIndex *ix = &p->ix[p->n];
    if (n->kind == AST_SLICE) return take_slice(cx, n, size, tensor, ix);
    Value v = sema_expr(cx, n);
    if (v.kind == V_BAD) return false;
    if (v.kind == V_FLOAT || v.kind == V_BOOL || (v.kind == V_TILE && !dt_is_int(value_dt(cx, v)))) {
        sema_error(cx, LG_DTYPE, n->sp, "an index is an integer, not %s", value_text(cx, v));
        return false;
    }
    if (!in_range(cx, v, size, tensor)) return false;
    p->acc.par[p->n] = v.par;
    v = value_as(cx, v, DT_I64);
    if (v.kind != V_TILE) return false;
    TirVal i = tir_cast(cx->fn, DT_I64, v.v);
    bool tile = cx->fn->ops[i].nax > 0;
    p->gathers |= tile;
    *ix = (TirIndex){ tile ? TIR_IX_TILE : TIR_IX_SCALAR, 0, 0, i };
    return true;
}

/* A tile with one axis twice has no meaning in this language. */
static bool axes_distinct(Cx *cx, const Place *p, Span sp)
{
    uint16_t seen[TIR_MAX_AXES * TIR_MAX_RANK];
    uint32_t n = 0;
    for (uint32_t i = 0; i < p->n; i++) {
        const TirOp *t = &cx->fn->ops[p->ix[i].val];
        if (p->ix[i].kind == TIR_IX_SLICE) seen[n++] = p->ix[i].axis;
        for (int k = 0; p->ix[i].kind == TIR_IX_TILE && k < t->nax; k++) seen[n++] = t->ax[k];
    }
    for (uint32_t i = 0; i < n; i++)
        for (uint32_t j = 0; j < i; j++)
            if (seen[i] == seen[j]) {
                sema_limit(cx, LG_AXES, sp, "two axes of one tile have the extent %s; axes are told apart by their extents", ext_text(cx, cx->fn->axes[seen[i]].ext));
                return false;
            }
    if (n <= TIR_MAX_AXES) return true;
    sema_limit(cx, LG_AXES, sp, "the tile has %u axes, at most %d are taken", n, TIR_MAX_AXES);
    return false;
}

static bool present(Cx *cx, const AstNode *n, int t)
{
    const SemaTensor *s = &cx->k->tensors[t];
    if (!cx->fn->tensors[t].absent) return true;
    sema_error(cx, LG_ABSENT, n->sp, "%s is absent here: it is there only if %s", s->name, s->cond_text);
    sema_note(cx, s->sp, "%s is declared here; name it under the same condition", s->name);
    return false;
}

static bool take_place(Cx *cx, const AstNode *n, int t, Place *p)
{
    const SemaTensor *s = &cx->k->tensors[t];
    if (!cx->nest) {
        sema_error(cx, LG_PLACE, n->sp, "tensors are read and written inside par only");
        return false;
    }
    if (!present(cx, n, t)) return false;
    if (n->kids.n != s->rank) {
        sema_error(cx, LG_INDEX, n->sp, "%s has %u %s, %u given", s->name, s->rank, s->rank == 1 ? "axis" : "axes", n->kids.n);
        sema_note(cx, s->sp, "%s is declared here", s->name);
        return false;
    }
    p->acc.tensor = (uint32_t)t;
    p->acc.nest = cx->nest;
    p->acc.sp = n->sp;
    for (const AstNode *k = n->kids.first; k; k = k->next, p->n++)
        if (!take_index(cx, k, s->shape[p->n], s->name, p)) return false;
    return axes_distinct(cx, p, n->sp);
}

static void record(Cx *cx, const Place *p, bool store)
{
    Access a = p->acc;
    a.store = store;
    a.region = cx->region;
    a.nix = p->n;
    memcpy(a.ix, p->ix, sizeof a.ix);
    sema_record(cx, &a);
}

static Value load(Cx *cx, const AstNode *n, int t)
{
    Place p = { .n = 0 };
    if (cx->k->tensors[t].mode == TIR_OUT) {
        sema_error(cx, LG_ACCESS, n->sp, "%s is an out tensor and cannot be read; inout can", n->name);
        sema_note(cx, cx->k->tensors[t].sp, "%s is declared here", n->name);
        return value_bad();
    }
    if (!take_place(cx, n, t, &p)) return value_bad();
    record(cx, &p, false);
    return value_tile(cx, tir_load(cx->fn, (uint32_t)t, p.ix, p.n), n->sp);
}

static Value elem_along(Cx *cx, Value tile, int at, Value i, Span sp)
{
    const TirOp *src = value_op(cx, tile);
    TirOp o = { .op = TIR_ELEM, .dt = src->dt, .ref = src->ax[at], .a = { tile.v, i.v }, .sp = sp };
    for (int k = 0; k < src->nax; k++)
        if (k != at) o.ax[o.nax++] = src->ax[k];
    return value_tile(cx, tir_add(cx->fn, o), sp);
}

/* z[t], z[t, :]: elements of a tile. */
static Value element(Cx *cx, const AstNode *n, Value tile)
{
    int at = 0;
    if (tile.kind == V_BAD) return tile;
    if (tile.kind != V_TILE || n->kids.n != value_op(cx, tile)->nax) {
        sema_error(cx, LG_INDEX, n->sp, "%s is %s and does not take %u %s", n->name, value_text(cx, tile), n->kids.n, n->kids.n == 1 ? "index" : "indices");
        return value_bad();
    }
    for (const AstNode *k = n->kids.first; k; k = k->next) {
        if (k->kind == AST_SLICE && !k->a && !k->b && !k->c) {
            at++;
            continue;
        }
        if (k->kind == AST_SLICE) {
            sema_limit(cx, LG_INDEX, k->sp, "a part of a tile cannot be taken; slice the tensor instead");
            return value_bad();
        }
        Value i = sema_expr(cx, k);
        if (i.kind == V_BAD || !in_range(cx, i, cx->fn->axes[value_op(cx, tile)->ax[at]].ext, n->name)) return value_bad();
        if (i.kind == V_INT || i.kind == V_EXT) i = value_as(cx, i, DT_I64);
        if (i.kind == V_BAD) return i;
        if (i.kind != V_TILE || !dt_is_int(value_dt(cx, i)) || value_op(cx, i)->nax) {
            sema_error(cx, LG_INDEX, k->sp, "an element of a tile is named by one integer, not by %s", value_text(cx, i));
            return value_bad();
        }
        i.v = tir_cast(cx->fn, DT_I64, i.v);
        tile = elem_along(cx, tile, at, i, n->sp);
    }
    return tile;
}

static Value unknown(Cx *cx, const AstNode *n)
{
    size_t count;
    const char **known = sema_visible(cx, &count);
    sema_unknown(cx, LG_NAME, n->name_sp, "tensor or tile", n->name, known, count);
    return value_bad();
}

Value sema_index(Cx *cx, const AstNode *n)
{
    Local *l = find_local(cx, n->name);
    int t = find_tensor(cx->k, n->name);
    if (l) return element(cx, n, l->v);
    return t >= 0 ? load(cx, n, t) : unknown(cx, n);
}

/* Each coordinate of the nest must tell the places apart, but for one that has a single value. */
static bool instances_apart(Cx *cx, const AstNode *n, const Place *p)
{
    for (uint32_t c = cx->first_par; c < cx->fn->npars; c++) {
        bool there = tir_ext_eq(cx->fn->pars[c].ext, tir_ext_const(1));      /* a nest of one instance */
        for (uint32_t i = 0; i < p->n; i++) there |= p->acc.par[i] == c + 1;
        if (there) continue;
        sema_error(cx, LG_OVERLAP, n->sp, "instances of different %s would write the same place of %s; index it by %s, or sum with +=", cx->fn->pars[c].name, n->name, cx->fn->pars[c].name);
        return false;
    }
    return true;
}

static bool may_store(Cx *cx, const AstNode *n, int t)
{
    const SemaTensor *s = &cx->k->tensors[t];
    bool sums = cx->fn->tensors[t].accumulate, written = cx->written >> t & 1;
    if (s->mode == TIR_IN) sema_error(cx, LG_ACCESS, n->sp, "%s is an in tensor and cannot be written", n->name);
    else if (n->mode && s->mode != TIR_OUT && (s->mode == TIR_SCRATCH || s->type >= 0 || dt_is_float(s->dt))) sema_limit(cx, LG_ACCESS, n->sp, "%s is %s; only out tensors are summed with +=, and inout ones of integers", n->name, s->mode == TIR_SCRATCH ? "scratch" : "inout");
    else if (written && sums != (bool)n->mode) sema_error(cx, LG_ACCESS, n->sp, "%s is written both by = and by +=", n->name);
    else return true;
    sema_note(cx, s->sp, "%s is declared here", n->name);
    return false;
}

static bool stored_type(Cx *cx, const AstNode *n, int t, Value *v)
{
    DType want = cx->fn->tensors[t].dt, got = value_dt(cx, *v);
    *v = value_as(cx, *v, want);
    if (v->kind == V_BAD) return false;
    if (value_dt(cx, *v) == want || (n->mode && got == DT_F32 && dt_is_float(want))) return true;
    const char *name = cx->k->tensors[t].type < 0 ? dt_name(want) : cx->op->types[cx->k->tensors[t].type].name;
    sema_error(cx, LG_DTYPE, n->a->sp, "%s holds %s, not %s; write %s(..)", n->name, dt_name(want), value_text(cx, *v), name);
    sema_note(cx, cx->k->tensors[t].sp, "%s is declared here", n->name);
    return false;
}

void sema_store(Cx *cx, const AstNode *n)
{
    int t = find_tensor(cx->k, n->name);
    Place p = { .n = 0 };
    if (t < 0 && find_local(cx, n->name)) sema_error(cx, LG_ACCESS, n->sp, "%s is a tile; only tensors are written by index", n->name);
    else if (t < 0) unknown(cx, n);
    if (t < 0 || !may_store(cx, n, t)) return;
    Value v = sema_expr(cx, n->a);
    if (v.kind == V_BAD || !take_place(cx, n, t, &p) || !stored_type(cx, n, t, &v)) return;
    if (!n->mode && p.gathers) {
        sema_error(cx, LG_OVERLAP, n->sp, "the same place may be named twice by these indices; sum with +=");
        return;
    }
    if (!n->mode && !instances_apart(cx, n, &p)) return;
    TirVal s = tir_store(cx->fn, n->mode ? TIR_ACC : TIR_STORE, (uint32_t)t, p.ix, p.n, v.v);
    if (!s) sema_error(cx, LG_AXES, n->sp, "%s does not fit the place: its axes are not among the place's", value_text(cx, v));
    else cx->fn->ops[s].sp = n->sp;
    cx->fn->tensors[t].accumulate |= n->mode;
    record(cx, &p, true);
}
