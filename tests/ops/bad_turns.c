/* bad_turns.c: see bad_case.h: each turn makes one mistake in a good call and says which status names which argument. What a wrong extent
 * comes to is told by a reading of the rule of its own: tensors in order, extents in order, each known dim is held to, each new one learnt.
 */
#include "bad_case.h"

#include <math.h>
#include <string.h>

static bool expect(BadCall *c, lgr_status s, const char *argument)
{
    c->want = s;
    c->argument = argument;
    return true;
}

static const char *name(const BadCall *c, uint32_t i) { return c->fn->tensors[i].name; }
static bool present(const BadCall *c, uint32_t i) { return c->list[i] != NULL; }
static bool is_out(const BadCall *c, uint32_t i) { return c->fn->tensors[i].mode != TIR_IN; }
static int type_of(const BadCall *c, uint32_t i) { return c->k->tensors[i].type; }
static int rank(const BadCall *c, uint32_t i) { return c->fn->tensors[i].rank; }

/* A tensor of the call that there is, drawn; of the outputs alone when `out`. */
static bool some(const BadCall *c, uint64_t *rng, bool out, uint32_t *i)
{
    for (int tries = 0; tries < 64; tries++) {
        *i = bad_draw(rng, c->n);
        if (present(c, *i) && (!out || is_out(c, *i)))
            return true;
    }
    return false;
}

static void own_strides(BadCall *c, uint32_t i)
{
    c->t[i].strides = c->stride[i];
}

/* ---- the call itself ---- */

static bool wrong_counts(BadCall *c, uint64_t *rng)
{
    uint32_t *const of[] = {&c->call.ntensors, &c->call.nscalars, &c->call.noptions};
    *of[bad_draw(rng, 3)] += bad_draw(rng, 2) ? 1 : 3;
    return expect(c, LGR_ERROR_ARGUMENT, "call");
}

static bool no_size(BadCall *c, uint64_t *rng)
{
    if (bad_draw(rng, 2))
        c->call.size = bad_draw(rng, sizeof(lgr_call));
    else
        c->call.tensors = NULL;
    return expect(c, LGR_ERROR_ARGUMENT, "call");
}

static bool no_such_option(BadCall *c, uint64_t *rng)
{
    if (!c->call.noptions)
        return false;
    uint32_t i = bad_draw(rng, c->call.noptions);
    const SemaOption *o = &c->op->options[c->option[i]];
    c->options[i] = bad_draw(rng, 2) ? -1 - (int32_t)bad_draw(rng, 9) : (int32_t)(o->n + bad_draw(rng, 300));
    return expect(c, LGR_ERROR_OPTION, o->name);
}

static bool out_of_range(BadCall *c, uint64_t *rng)
{
    static const double wild[] = {NAN, -NAN, INFINITY, -INFINITY, -1, 0, 1.5, -1e-30, 1e-60, 2, 1e30};
    if (!c->k->nparams)
        return false;
    uint32_t i = bad_draw(rng, c->k->nparams);
    double v = wild[bad_draw(rng, sizeof wild / sizeof *wild)];
    if (c->k->params[i].dt != DT_F32 || sema_in_range(&c->k->params[i].range, (double)(float)v))
        return false;
    c->scalars[i].f = v;
    return expect(c, LGR_ERROR_RANGE, c->k->params[i].name);
}

static bool poor_workspace(BadCall *c, uint64_t *rng)
{
    if (!c->need)
        return false;
    switch (bad_draw(rng, 3)) {
    case 0:  c->call.workspace = NULL; break;
    case 1:  c->call.workspace_size = bad_draw(rng, (uint32_t)c->need); break;
    default: c->call.workspace = (char *)c->call.workspace + 1 + bad_draw(rng, 255);
    }
    return expect(c, LGR_ERROR_WORKSPACE, "workspace");
}

/* ---- tensors one by one ---- */

static bool missing_tensor(BadCall *c, uint64_t *rng)
{
    uint32_t i;
    if (!some(c, rng, false, &i))
        return false;
    c->list[i] = NULL;
    return expect(c, LGR_ERROR_NULL, name(c, i));
}

static bool extra_tensor(BadCall *c, uint64_t *rng)
{
    uint32_t i = bad_draw(rng, c->n), like;
    if (present(c, i) || !some(c, rng, false, &like))
        return false;
    c->t[i] = c->t[like];
    DType dt = c->fn->tensors[i].dt;
    for (uint32_t j = 0; j < c->n && type_of(c, i) >= 0; j++)        /* of a type that another tensor tells, or of its own */
        if (present(c, j) && type_of(c, j) == type_of(c, i))
            dt = c->fn->tensors[j].dt;
    c->t[i].dtype = (DLDataType){(uint8_t)dt_dl_code(dt), (uint8_t)dt_dl_bits(dt), 1};
    c->list[i] = &c->t[i];
    return expect(c, LGR_ERROR_NULL, name(c, i));
}

static bool unknown_type(BadCall *c, uint64_t *rng)
{
    static const DLDataType odd[] = {{kDLUInt, 16, 1}, {kDLFloat, 32, 2}, {kDLInt, 4, 1}, {kDLComplex, 64, 1}, {99, 32, 1}};
    uint32_t i;
    if (!some(c, rng, false, &i))
        return false;
    c->t[i].dtype = odd[bad_draw(rng, sizeof odd / sizeof *odd)];
    return expect(c, LGR_ERROR_DTYPE, name(c, i));
}

/* The first tensor of a type tells it; the next one is then the one that differs; and a type that one tensor alone has may be one that the pack lacks. */
static bool other_type(BadCall *c, uint64_t *rng)
{
    uint32_t i;
    DType dt = (DType)(1 + bad_draw(rng, DT_COUNT - 1));
    if (!some(c, rng, false, &i) || dt == c->fn->tensors[i].dt)
        return false;
    c->t[i].dtype = (DLDataType){(uint8_t)dt_dl_code(dt), (uint8_t)dt_dl_bits(dt), 1};
    if (type_of(c, i) < 0)
        return expect(c, LGR_ERROR_DTYPE, name(c, i));
    for (uint32_t j = 0; j < c->n; j++)
        if (j != i && present(c, j) && type_of(c, j) == type_of(c, i))
            return expect(c, LGR_ERROR_DTYPE, name(c, j < i ? i : j));
    return expect(c, LGR_ERROR_NO_INSTANCE, "");
}

static bool other_device(BadCall *c, uint64_t *rng)
{
    uint32_t i;
    if (!some(c, rng, false, &i))
        return false;
    if (bad_draw(rng, 2)) {
        c->t[i].device = (DLDevice){bad_draw(rng, 2) ? (DLDeviceType)7 : kDLCUDA, bad_draw(rng, 2) ? -1 : 4000};
        return expect(c, LGR_ERROR_DEVICE, name(c, i));
    }
    c->t[i].device = (DLDevice){c->where == 2 ? kDLCPU : kDLCUDA, 0};
    uint32_t first = 0, second;
    while (!present(c, first))
        first++;
    for (second = first + 1; second < c->n && !present(c, second);)
        second++;
    return second < c->n && expect(c, LGR_ERROR_DEVICE, name(c, i == first ? second : i));
}

static bool wrong_rank(BadCall *c, uint64_t *rng)
{
    uint32_t i;
    if (!some(c, rng, false, &i))
        return false;
    switch (bad_draw(rng, 4)) {
    case 0:  c->t[i].ndim = rank(c, i) - 1; break;
    case 1:  c->t[i].ndim = -1 - (int32_t)bad_draw(rng, 5); break;
    case 2:  c->t[i].ndim = 33 + (int32_t)bad_draw(rng, 1000); break;
    default: c->t[i].shape = NULL;
    }
    return expect(c, LGR_ERROR_RANK, name(c, i));
}

static bool negative_extent(BadCall *c, uint64_t *rng)
{
    uint32_t i;
    if (!some(c, rng, false, &i))
        return false;
    c->shape[i][bad_draw(rng, (uint32_t)rank(c, i))] = -1 - (int64_t)bad_draw(rng, 3);
    return expect(c, LGR_ERROR_SHAPE, name(c, i));
}

static bool huge_extent(BadCall *c, uint64_t *rng)
{
    uint32_t i;
    if (!some(c, rng, false, &i) || rank(c, i) < 2)
        return false;
    c->shape[i][0] = c->shape[i][1] = INT64_MAX / 2;
    c->t[i].strides = NULL;
    return expect(c, LGR_ERROR_LIMIT, name(c, i));
}

static bool huge_stride(BadCall *c, uint64_t *rng)
{
    uint32_t i;
    if (!some(c, rng, false, &i))
        return false;
    own_strides(c, i);
    uint32_t d = bad_draw(rng, (uint32_t)rank(c, i));
    c->stride[i][d] = INT64_MAX / (int64_t)(1 + bad_draw(rng, 2));
    return c->shape[i][d] > 3 && expect(c, LGR_ERROR_LIMIT, name(c, i));
}

/* Two leading dimensions for one, apart so that no single stride steps over both. */
static bool unfoldable(BadCall *c, uint64_t *rng)
{
    uint32_t i;
    if (!some(c, rng, false, &i) || c->shape[i][0] < 4 || c->shape[i][0] % 2)
        return false;
    int64_t half = c->shape[i][0] / 2, step = c->stride[i][0];
    memmove(c->shape[i] + 2, c->shape[i] + 1, sizeof(int64_t) * (size_t)(rank(c, i) - 1));
    memmove(c->stride[i] + 2, c->stride[i] + 1, sizeof(int64_t) * (size_t)(rank(c, i) - 1));
    c->shape[i][0] = 2, c->shape[i][1] = half;
    c->stride[i][0] = half * step + 1 + bad_draw(rng, 9), c->stride[i][1] = step;
    c->t[i].ndim++;
    own_strides(c, i);
    return expect(c, LGR_ERROR_STRIDE, name(c, i));
}

static bool null_data(BadCall *c, uint64_t *rng)
{
    uint32_t i;
    if (!some(c, rng, false, &i))
        return false;
    c->t[i].data = NULL;
    return expect(c, LGR_ERROR_NULL, name(c, i));
}

static bool misaligned(BadCall *c, uint64_t *rng)
{
    uint32_t i;
    if (!some(c, rng, false, &i) || dt_bytes(c->fn->tensors[i].dt) < 2)
        return false;
    c->t[i].byte_offset = 1 + 2 * bad_draw(rng, 20);
    return expect(c, LGR_ERROR_STRIDE, name(c, i));
}

/* ---- shapes together ---- */

/* The value of e's one unknown dim when e is `have`; false when it is no whole number from 0 on. */
static bool learn(const TirExt *e, int64_t have, uint32_t dim, int64_t *dims)
{
    int64_t rest = have * e->den - e->c;
    for (uint32_t k = 0; k < TIR_MAX_DIMS; k++)
        rest -= k == dim ? 0 : e->k[k] * dims[k];
    dims[dim] = rest / e->k[dim];
    return rest % e->k[dim] == 0 && rest >= 0;
}

/* The first tensor whose shape cannot be; NULL when all can. */
static const char *at_odds(const BadCall *c, int64_t *dims)
{
    uint32_t known = 0, told;
    do {
        told = known;
        for (uint32_t i = 0; i < c->n; i++)
            for (int d = 0; present(c, i) && d < rank(c, i); d++) {
                const TirExt *e = &c->fn->tensors[i].shape[d];
                uint32_t open = 0;
                int64_t want;
                for (uint32_t k = 0; k < TIR_MAX_DIMS; k++)
                    open |= e->k[k] && !(known >> k & 1) ? 1u << k : 0;
                if (!open && (!tir_ext_eval(*e, dims, &want) || want != c->shape[i][d]))
                    return name(c, i);
                if (!open || (open & (open - 1)))
                    continue;
                if (!learn(e, c->shape[i][d], (uint32_t)__builtin_ctz(open), dims))
                    return name(c, i);
                known |= open;
            }
    } while (known != told);
    return NULL;
}

static bool other_extent(BadCall *c, uint64_t *rng)
{
    static const int64_t by[] = {-2, -1, 1, 2, 17, 1000};
    int64_t dims[TIR_MAX_DIMS] = {0};
    uint32_t i;
    if (!some(c, rng, false, &i))
        return false;
    int64_t *x = &c->shape[i][bad_draw(rng, (uint32_t)rank(c, i))];
    *x += by[bad_draw(rng, sizeof by / sizeof *by)];
    const char *at = *x < 0 ? NULL : at_odds(c, dims);
    return at && expect(c, LGR_ERROR_SHAPE, at);
}

/* One size that makes some slice a fraction, alike in all tensors: what tells that size is named. */
static bool odd_size(BadCall *c, uint64_t *rng)
{
    uint32_t dim = bad_draw(rng, c->fn->ndims);
    int64_t dims[TIR_MAX_DIMS], x;
    bool fraction = false;
    memcpy(dims, c->dims, sizeof dims);
    dims[dim]++;
    for (uint32_t a = 0; a < c->fn->naxes; a++)
        fraction |= !tir_ext_eval(c->fn->axes[a].ext, dims, &x) && c->fn->axes[a].ext.k[dim];
    for (uint32_t i = 0; i < c->n; i++)
        for (int d = 0; present(c, i) && d < rank(c, i); d++)
            if (!tir_ext_eval(c->fn->tensors[i].shape[d], dims, &c->shape[i][d]))
                return false;
    for (int alone = 1; fraction && alone >= 0; alone--)
        for (uint32_t i = 0; i < c->n; i++)
            for (int d = 0; present(c, i) && d < rank(c, i); d++) {
                const TirExt *e = &c->fn->tensors[i].shape[d];
                int terms = 0;
                c->t[i].strides = NULL;
                for (uint32_t k = 0; k < TIR_MAX_DIMS; k++)
                    terms += e->k[k] != 0;
                if (e->k[dim] && (terms == 1 || !alone))
                    return expect(c, LGR_ERROR_SHAPE, name(c, i));
            }
    return false;
}

/* ---- memory together ---- */

static bool overlapping(BadCall *c, uint64_t *rng)
{
    uint32_t i, j;
    if (!some(c, rng, true, &i) || !some(c, rng, false, &j) || i == j || c->t[i].strides || c->t[j].strides)
        return false;
    int64_t unit = dt_bytes(c->fn->tensors[i].dt), room = bad_elements(c, j) * dt_bytes(c->fn->tensors[j].dt);
    int64_t shift = (int64_t)bad_draw(rng, (uint32_t)((room + unit - 1) / unit)) * unit;
    if (c->fn->tensors[i].over == j + 1 && !shift)
        return false;
    c->t[i].data = c->t[j].data;
    c->t[i].byte_offset = (uint64_t)shift;
    return expect(c, LGR_ERROR_ALIAS, name(c, is_out(c, j) && j < i ? j : i));
}

/* In place, but with other strides. */
static bool askew(BadCall *c, uint64_t *rng)
{
    uint32_t i;
    if (!some(c, rng, true, &i) || !c->fn->tensors[i].over || !c->t[i].strides || c->shape[i][0] < 2 || rank(c, i) < 2)
        return false;
    c->t[i].strides = NULL;
    c->t[i].data = c->t[c->fn->tensors[i].over - 1].data;
    return expect(c, LGR_ERROR_ALIAS, name(c, i));
}

static bool folded_onto_itself(BadCall *c, uint64_t *rng)
{
    uint32_t i;
    if (!some(c, rng, true, &i))
        return false;
    uint32_t d = bad_draw(rng, (uint32_t)rank(c, i));
    own_strides(c, i);
    if (c->shape[i][d] < 2)
        return false;
    c->stride[i][d] = 0;
    return expect(c, LGR_ERROR_STRIDE, name(c, i));
}

const struct BadTurnRow bad_turns[] = {
    {"counts", wrong_counts}, {"size", no_size}, {"option", no_such_option}, {"range", out_of_range}, {"workspace", poor_workspace},
    {"missing", missing_tensor}, {"extra", extra_tensor}, {"unknown type", unknown_type}, {"other type", other_type}, {"device", other_device},
    {"rank", wrong_rank}, {"negative extent", negative_extent}, {"huge extent", huge_extent}, {"huge stride", huge_stride}, {"unfoldable", unfoldable},
    {"null data", null_data}, {"misaligned", misaligned}, {"other extent", other_extent}, {"odd size", odd_size}, {"overlap", overlapping},
    {"askew", askew}, {"folded", folded_onto_itself},
};
const uint32_t bad_nturns = sizeof bad_turns / sizeof *bad_turns;
